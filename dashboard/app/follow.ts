import type { Client } from 'graphql-ws';
import type { Operation } from './queries';

/** `locked`: turned away for want of a token; `refused`: the same request would be refused again. */
export type LiveState = 'connecting' | 'live' | 'lost' | 'over' | 'refused' | 'locked';

const firstRetryMilliseconds = 500;
const longestRetryMilliseconds = 5_000;
/** Close code with which the service turns away who has no token. */
const forbiddenCode = 4403;

export interface Follower<Data> {
  /** Takes an event and returns its cursor. */
  receive(data: Data): string;
  /** A subscription that never completes: if it does, the service is going away, and it is tried again. */
  endless: boolean;
  /** Told where the connection stands, again and again. */
  report(state: LiveState): void;
}

/**
 * Follows a subscription until the function it returns is called. After a loss it connects again and goes on behind
 * the last event received; the service may repeat events, so receivers drop what they have.
 *
 * @param client without retries of its own: it would begin again at the first cursor
 */
export function followWith<Data, Variables extends { after: string | null }>(
  client: Client,
  operation: Operation<Data, Variables>,
  variables: Variables,
  { receive, endless, report }: Follower<Data>,
): () => void {
  let after = variables.after;
  let delay = firstRetryMilliseconds;
  let [stopped, ended] = [false, false];
  let retry: ReturnType<typeof setTimeout>;
  let unsubscribe = () => {};

  // Any message of the socket shows that it is there, an answer to a ping too: a quiet experiment has no events.
  const unlisten = client.on('message', () => {
    if (!stopped && !ended) report('live');
  });
  const end = (state: LiveState) => {
    ended = true;
    report(state);
  };
  const lose = () => {
    report('lost');
    // Spread out, so that many pages do not come back in the same instant.
    retry = setTimeout(start, delay * (0.5 + Math.random()));
    delay = Math.min(delay * 2, longestRetryMilliseconds);
  };
  function start(): void {
    const payload = { query: operation.text, variables: { ...variables, after } };
    unsubscribe = client.subscribe<Data>(payload, {
      next({ data, errors }) {
        if (stopped) return;
        if (errors) report('refused');
        delay = firstRetryMilliseconds;
        if (data) after = receive(data);
      },
      error(problem) {
        if (stopped) return;
        // An array holds GraphQL errors; all else is a closed socket.
        if (Array.isArray(problem)) end('refused');
        else if ((problem as { code?: number }).code === forbiddenCode) end('locked');
        else lose();
      },
      complete() {
        if (stopped) return;
        if (endless) lose();
        else end('over');
      },
    });
  }

  report('connecting');
  start();
  return () => {
    stopped = true;
    unlisten();
    clearTimeout(retry);
    unsubscribe();
  };
}
