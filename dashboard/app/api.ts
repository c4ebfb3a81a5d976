import { type Client, createClient } from 'graphql-ws';

/** A GraphQL document with the types of what it takes and what it gives. */
export interface Operation<Data, Variables> {
  text: string;
  readonly types?: (variables: Variables) => Data;
}

/** `unreachable` is worth trying again as it is, `unauthorised` with a token, `refused` not at all. */
export class RequestFailure extends Error {
  constructor(
    readonly kind: 'unreachable' | 'unauthorised' | 'refused',
    message: string,
  ) {
    super(message);
  }
}

const tokenKey = 'stillhouse.token';
const unauthorised = new EventTarget();

/** The token lives as long as the tab. The page is loaded anew, so that nothing asked without it is left. */
export function rememberToken(token: string): void {
  sessionStorage.setItem(tokenKey, token);
  location.reload();
}

export function forgetToken(): void {
  sessionStorage.removeItem(tokenKey);
  location.reload();
}

export const hasToken = (): boolean => sessionStorage.getItem(tokenKey) !== null;

/** Calls back when the service turns this page away for want of a token. */
export function onUnauthorised(listener: () => void): () => void {
  unauthorised.addEventListener('unauthorised', listener);
  return () => unauthorised.removeEventListener('unauthorised', listener);
}

function authorization(): { authorization?: string } {
  const token = sessionStorage.getItem(tokenKey);
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

function turnedAway(): RequestFailure {
  unauthorised.dispatchEvent(new Event('unauthorised'));
  return new RequestFailure('unauthorised', 'The service asks for an access token.');
}

/** Sends a query or mutation. @throws RequestFailure, or the DOMException of an abort */
export async function request<Data, Variables>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Data> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization() },
    body: JSON.stringify({ query: operation.text, variables }),
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new RequestFailure('unreachable', 'The service does not answer.');
  });
  if (response.status === 401) throw turnedAway();
  const answer = (await response.json().catch(() => null)) as {
    data?: Data | null;
    errors?: { message: string }[];
  } | null;
  if (answer?.errors) throw new RequestFailure('refused', answer.errors.map(({ message }) => message).join('; '));
  if (!answer?.data) throw new RequestFailure('unreachable', `The service answered with HTTP ${response.status}.`);
  return answer.data;
}

let client: Client | null = null;
const pingMilliseconds = 12_000;
const pongMilliseconds = 6_000;

/** One socket for all subscriptions. A server that stops answering pings is taken for lost. */
function socketClient(): Client {
  if (client !== null) return client;
  let socket: WebSocket | null = null;
  let overdue: ReturnType<typeof setTimeout>;
  client = createClient({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    connectionParams: authorization,
    keepAlive: pingMilliseconds,
    // `follow` tries again itself, since each try goes on behind the newest cursor.
    retryAttempts: 0,
    on: {
      connected: (connected) => {
        socket = connected as WebSocket;
      },
      ping: (received) => {
        if (!received) overdue = setTimeout(() => socket?.close(4408, 'no pong'), pongMilliseconds);
      },
      pong: (received) => {
        if (received) clearTimeout(overdue);
      },
    },
  });
  return client;
}

export type LiveState = 'connecting' | 'live' | 'lost' | 'over' | 'refused';

const firstRetryMilliseconds = 500;
const longestRetryMilliseconds = 10_000;
const forbiddenCode = 4403;

/**
 * Follows a subscription until the function it returns is called. After a loss it connects again and goes on behind
 * the last event received; the server may repeat events, so receivers drop what they have.
 *
 * @param receive takes an event and returns its cursor
 * @param report told the state of the connection when it changes
 */
export function follow<Data, Variables extends { after: string | null }>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  receive: (data: Data) => string,
  report: (state: LiveState) => void,
): () => void {
  let after = variables.after;
  let delay = firstRetryMilliseconds;
  let stopped = false;
  let retry: ReturnType<typeof setTimeout>;
  let unsubscribe = () => {};

  const lose = () => {
    report('lost');
    retry = setTimeout(start, delay * (0.5 + Math.random()));
    delay = Math.min(delay * 2, longestRetryMilliseconds);
  };
  function start(): void {
    const payload = { query: operation.text, variables: { ...variables, after } };
    unsubscribe = socketClient().subscribe<Data>(payload, {
      next({ data, errors }) {
        if (stopped) return;
        report(errors ? 'refused' : 'live');
        delay = firstRetryMilliseconds;
        if (data) after = receive(data);
      },
      error(problem) {
        if (stopped) return;
        if (problem instanceof CloseEvent && problem.code === forbiddenCode) turnedAway();
        // An array holds GraphQL errors: the same request would be refused again.
        if (Array.isArray(problem)) report('refused');
        else lose();
      },
      complete() {
        if (!stopped) report('over');
      },
    });
  }

  report('connecting');
  start();
  return () => {
    stopped = true;
    clearTimeout(retry);
    unsubscribe();
  };
}
