import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloServer } from '@apollo/server';
import { expressMiddleware } from '@as-integrations/express5';
import express from 'express';
import { serveRequests } from './child';

const typeDefs = `
  type Viewer { name: String! }
  type Progress { step: Int! totalSteps: Int! }
  type SummaryMetric { name: String! last: Float! best: Float! }
  type Run { id: ID! variant: String! seed: Int! state: String! progress: Progress! metrics(names: [String!]): [SummaryMetric!]! }
  type RunConnection { nodes: [Run!]! }
  type Query { viewer: Viewer! runs(first: Int): RunConnection! }
`;

const nodes = Array.from({ length: 20 }, (_, place) => ({
  id: `x19-${place}`,
  variant: 'default',
  seed: place % 5,
  state: 'SUCCEEDED',
  progress: { step: 100, totalSteps: 100 },
  metrics: [{ name: 'test/accuracy', last: 0.8 + place / 1000, best: 0.81 + place / 1000 }],
}));

/** The peer over HTTP: Apollo Server on Express as its documentation shows it, answering with constants. */
async function start(): Promise<number> {
  const resolvers = { Query: { viewer: () => ({ name: 'local' }), runs: () => ({ nodes }) } };
  const apollo = new ApolloServer({ typeDefs, resolvers });
  await apollo.start();
  const app = express();
  app.use('/graphql', express.json(), expressMiddleware(apollo));
  const http = createServer(app);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return (http.address() as AddressInfo).port;
}

serveRequests({ start });
