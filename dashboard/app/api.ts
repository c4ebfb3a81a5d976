import { type Client, createClient } from 'graphql-ws';
import { type Follower, followWith } from './follow';
import type { Operation } from './queries';

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

/** What the last request met: an answer, nothing, or a door that opens with a token alone. */
export type ServiceState = 'answers' | 'unreachable' | 'locked';
let serviceState: ServiceState = 'answers';
const listeners = new Set<(state: ServiceState) => void>();

function meet(state: ServiceState): void {
  if (state === serviceState) return;
  serviceState = state;
  for (const listener of listeners) listener(state);
}

/** Calls back when the service stops or begins to answer; the function it returns ends that. */
export function onServiceState(listener: (state: ServiceState) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

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

function authorization(): { authorization?: string } {
  const token = sessionStorage.getItem(tokenKey);
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

function failure(kind: RequestFailure['kind'], message: string): RequestFailure {
  meet(({ unreachable: 'unreachable', unauthorised: 'locked', refused: 'answers' } as const)[kind]);
  return new RequestFailure(kind, message);
}
const turnedAway = () => failure('unauthorised', 'The service asks for an access token.');

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
    throw failure('unreachable', 'The service does not answer.');
  });
  if (response.status === 401) throw turnedAway();
  const answer = (await response.json().catch(() => null)) as {
    data?: Data | null;
    errors?: { message: string }[];
  } | null;
  if (answer?.errors) throw failure('refused', answer.errors.map(({ message }) => message).join('; '));
  if (!answer?.data) throw failure('unreachable', `The service answered with HTTP ${response.status}.`);
  meet('answers');
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
    // `followWith` tries again itself, since each try goes on behind the newest cursor.
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

/** `followWith` on the socket of this page. */
export const follow = <Data, Variables extends { after: string | null }>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  follower: Follower<Data>,
): (() => void) =>
  followWith(socketClient(), operation, variables, {
    ...follower,
    report(live) {
      if (live.state === 'locked') meet('locked');
      follower.report(live);
    },
  });
