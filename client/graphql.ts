import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';

/** The API answered with errors, or nobody answers as it does; the message says all that a person needs. */
export class ApiError extends Error {}

/** A server that starts again is waited for, for as long as this. */
const reconnectAttempts = 40;
const reconnectSeconds = 3;

/** One client of the API over HTTP and WebSocket. */
export interface Api {
  request<T>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** Events of a subscription, until the loop is left. The connection is made again when it breaks. */
  subscribe<T>(query: string, variables?: Record<string, unknown>): AsyncIterableIterator<T>;
  close(): Promise<void>;
}

/**
 * @param server address of the server: http://127.0.0.1:4000
 * @param token where it asks for one
 */
export function connect(server: string, token?: string): Api {
  const url = new URL('/graphql', server);
  const socketUrl = url.href.replace(/^http/, 'ws');
  const client: Client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    retryAttempts: reconnectAttempts,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, reconnectSeconds * 1000)),
    // Also where nobody listens for a while, which is no closed connection yet.
    shouldRetry: () => true,
    lazy: true,
    ...(token ? { connectionParams: { authorization: `Bearer ${token}` } } : {}),
  });
  return {
    async request<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
      const response = await reach(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body: JSON.stringify({ query, variables }),
      });
      const answer = (await response.json().catch(() => null)) as { data?: T; errors?: GivenError[] } | null;
      if (answer?.errors) throw new ApiError(textOf(answer.errors));
      if (!answer?.data) throw new ApiError(`${url} answered ${response.status}, not as this service does: ${advice}`);
      return answer.data;
    },
    async *subscribe<T>(query: string, variables: Record<string, unknown> = {}): AsyncIterableIterator<T> {
      try {
        for await (const event of client.iterate<T>({ query, variables })) {
          if (event.errors) throw new ApiError(textOf(event.errors));
          yield event.data as T;
        }
      } catch (error) {
        throw error instanceof ApiError ? error : new ApiError(lostConnection(url, error));
      }
    },
    // A connection that cannot be made any more is as good as closed.
    close: () => Promise.resolve(client.dispose()).catch(() => {}),
  };
}

/** @throws ApiError where nobody answers */
export function reach(url: URL, request: RequestInit): Promise<Response> {
  return fetch(url, request).catch((error: Error) => {
    const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
    throw new ApiError(`${url.origin} does not answer (${code ?? message}): ${advice}`);
  });
}

const advice = 'start a server there by npm start, or give the address of one by --server';

/** @param error what ended a subscription: errors of GraphQL, or how the socket was closed */
function lostConnection(url: URL, error: unknown): string {
  if (Array.isArray(error)) return textOf(error);
  const { code, reason, message } = error as { code?: number; reason?: string; message?: string };
  return `the connection to ${url.origin} is lost (${reason || message || code}): its runs go on, and its dashboard shows them`;
}

type GivenError = { message: string };
const textOf = (errors: readonly GivenError[]): string => errors.map(({ message }) => message).join('; ');
