import type { Client } from 'graphql-ws';
import type { Operation } from './queries';

/** `locked`: turned away for want of a token; `refused`: the same request would be refused again. */
export type LiveState = 'connecting' | 'live' | 'lost' | 'over' | 'refused' | 'locked';

/** Where a connection stands. `reason`: what the service said of that; null where it said nothing. */
export interface Live {
  state: LiveState;
  reason: string | null;
}

export const connecting: Live = { state: 'connecting', reason: null };

const firstRetryMilliseconds = 500;
const longestRetryMilliseconds = 5_000;
/** Close code with which the service turns away who has no token. */
const forbiddenCode = 4403;

export interface Follower<Data> {
  /** Takes an event and returns its cursor. */
  receive(data: Data): string;
  /** A subscription that never completes: if it does, the service is going away, and it is tried again. */
  endless: boolean;
  /** Told where the connection stands where that has changed. */
  report(live: Live): void;
}

/**
 * Follows a subscription until the function it returns is called. After a loss it connects again and goes on behind
 * the last event received; the service may repeat events, so receivers drop what they have. Why a connection was ended is
 * in the close of the socket, or, where a gateway ends it, in a `ping` before.
 *
 * @param client without retries of its own: it would begin again at the first cursor
 */
export function followWith<Data, Variables extends { after: string | null }>(
  client: Client,
  operation: Operation<Data, Variables>,
  variables: Variables,
  { receive, endless, report: tell }: Follower<Data>,
): () => void {
  let after = variables.after;
  let delay = firstRetryMilliseconds;
  let [stopped, ended] = [false, false];
  let retry: ReturnType<typeof setTimeout>;
  let unsubscribe = () => {};
  let told: Live | null = null;
  let tries = 0;

  const report = (state: LiveState, reason: string | null = null) => {
    if (told?.state === state && told.reason === reason) return;
    told = { state, reason };
    tell(told);
  };
  // Any message of the socket shows that it is there, an answer to a ping too: a quiet experiment has no events.
  const unlisten = client.on('message', () => {
    if (!stopped && !ended) report('live');
  });
  // Left at once: the gateway closes as in good order, upon which the client would begin again at the first cursor.
  const unlistenPing = client.on('ping', (received, payload) => {
    const closing = payload?.closing as Closing | undefined;
    if (!received || closing === undefined || stopped || ended) return;
    tries += 1;
    unsubscribe();
    leave(closing);
  });
  const end = (state: LiveState, reason: string | null) => {
    ended = true;
    report(state, reason);
  };
  const lose = (reason: string | null) => {
    report('lost', reason);
    clearTimeout(retry);
    // Spread out, so that many pages do not come back in the same instant.
    retry = setTimeout(start, delay * (0.5 + Math.random()));
    delay = Math.min(delay * 2, longestRetryMilliseconds);
  };
  const leave = ({ code, reason }: Partial<Closing>) => {
    if (code === forbiddenCode) end('locked', reason || null);
    else lose(reason || null);
  };
  function start(): void {
    tries += 1;
    const own = tries;
    const isOver = () => stopped || own !== tries;
    const payload = { query: operation.text, variables: { ...variables, after } };
    unsubscribe = client.subscribe<Data>(payload, {
      next({ data, errors }) {
        if (isOver()) return;
        if (errors) report('refused', messagesOf(errors));
        delay = firstRetryMilliseconds;
        if (data) after = receive(data);
      },
      error(problem) {
        if (isOver()) return;
        // An array holds GraphQL errors; all else is a closed socket.
        if (Array.isArray(problem)) end('refused', messagesOf(problem));
        else leave(problem as Partial<Closing>);
      },
      complete() {
        if (isOver()) return;
        if (endless) lose(null);
        else end('over', null);
      },
    });
  }

  report('connecting');
  start();
  return () => {
    stopped = true;
    unlisten();
    unlistenPing();
    clearTimeout(retry);
    unsubscribe();
  };
}

/** Code and reason of graphql-transport-ws with which a connection is ended. */
interface Closing {
  code: number;
  reason: string;
}

const messagesOf = (errors: readonly { message: string }[]): string => errors.map(({ message }) => message).join('; ');
