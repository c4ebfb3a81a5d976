import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** What a newcomer sees first: something that answers on an empty service, and the way on. */
const firstQuery = `# Experiments, and how far their runs are. Ctrl-Enter runs the operation under the cursor.
query Experiments {
  experiments(first: 10) {
    nodes {
      id
      name
      state
    }
  }
}

# What can be compared: every method with its hyper-parameters and their defaults.
query Methods {
  methods {
    name
    title
    description
    parameters {
      name
      default
    }
  }
}

# Live: the runs of an experiment as they change (put an id from above into the variables: {"id": "..."}).
subscription Follow($id: ID!) {
  runUpdated(experimentId: $id) {
    cursor
    run {
      id
      variant
      seed
      state
      waitingReason
      progress {
        phase
        step
        totalSteps
      }
    }
  }
}
`;

let page: Promise<{ plain: Buffer; compressed: Buffer }> | null = null;

/**
 * The explorer page: GraphiQL with everything it needs inside, so that it works without a network. Its 9 MB are
 * loaded and compressed when the page is first asked for, not at every start.
 */
export function explorerPage(): Promise<{ plain: Buffer; compressed: Buffer }> {
  page ??= renderPage();
  return page;
}

async function renderPage() {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({
    title: 'Stillhouse',
    endpoint: '/graphql',
    subscriptionsProtocol: 'WS',
    defaultQuery: firstQuery,
    // An icon of our own, since the default is another project's.
    favicon: 'data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>',
  });
  const plain = Buffer.from(html.trimStart());
  // The fastest level: three quarters are gone with it, and a person waits.
  return { plain, compressed: await promisify(gzip)(plain, { level: 1 }) };
}
