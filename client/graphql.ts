import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';

/** The API answered with errors: a fault of the request, or of the server. */
export class GraphqlError extends Error {}

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
    retryAttempts: 20,
    lazy: true,
    ...(token ? { connectionParams: { authorization: `Bearer ${token}` } } : {}),
  });
  return {
    async request<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body: JSON.stringify({ query, variables }),
      });
      const answer = (await response.json()) as { data?: T; errors?: { message: string }[] };
      if (answer.errors) throw new GraphqlError(answer.errors.map(({ message }) => message).join('; '));
      return answer.data as T;
    },
    async *subscribe<T>(query: string, variables: Record<string, unknown> = {}): AsyncIterableIterator<T> {
      for await (const event of client.iterate<T>({ query, variables })) {
        if (event.errors) throw new GraphqlError(event.errors.map(({ message }) => message).join('; '));
        yield event.data as T;
      }
    },
    close: async () => client.dispose(),
  };
}
