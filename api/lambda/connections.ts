import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GoneException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import type { Connections } from '../subscriptions/connections';

/** Tries of one post: API Gateway throttles (429), and the waits between tries double, with jitter. */
const tries = 6;
/** As many posts as are sent at a time (deliver.ts). */
const mostSockets = 50;
const connectMilliseconds = 2_000;
const answerMilliseconds = 5_000;

/** The connections of a WebSocket API of API Gateway. */
export function apiGatewayConnections({
  connectionsEndpoint,
  region,
}: {
  /** `https://<api>.execute-api.<region>.amazonaws.com/<stage>` */
  connectionsEndpoint: string;
  region: string;
}): Connections {
  const client = new ApiGatewayManagementApiClient({
    endpoint: connectionsEndpoint,
    region,
    maxAttempts: tries,
    requestHandler: {
      connectionTimeout: connectMilliseconds,
      requestTimeout: answerMilliseconds,
      httpsAgent: { maxSockets: mostSockets },
      httpAgent: { maxSockets: mostSockets },
    },
  });
  return {
    async post(ConnectionId, message) {
      const Data = typeof message === 'string' ? message : JSON.stringify(message);
      try {
        await client.send(new PostToConnectionCommand({ ConnectionId, Data }));
        return 'sent';
      } catch (error) {
        if (error instanceof GoneException) return 'gone';
        throw error;
      }
    },
    async close(ConnectionId) {
      try {
        await client.send(new DeleteConnectionCommand({ ConnectionId }));
      } catch (error) {
        if (!(error instanceof GoneException)) throw error;
      }
    },
  };
}
