import type { Client } from 'graphql-ws';
import WebSocket from 'ws';
import { graphql, type Operation, textOf } from './operation';
import { explainRefusal } from './refused-token';
import { AccessRefused, createSocketClient, type Following, follow, type Live } from './subscription';

/** The API answered with errors, or not at all; the message says all that a person needs. */
export class ApiError extends Error {}

/** Milliseconds to wait for a server that answers neither by socket nor by HTTP: it may be restarting. */
const longestLoss = 120_000;
/** Keeps the connection through API Gateway, which ends one after 10 quiet minutes. */
const pingMilliseconds = 5 * 60_000;

/** One client of the API over HTTP and WebSocket. */
export interface Api {
  request<Data, Variables>(operation: Operation<Data, Variables>, variables: Variables): Promise<Data>;
  /**
   * Follows a subscription until `isDone` (called after each event and poll) returns true, or until the subscription
   * completes. Reconnects after a loss.
   * @throws ApiError if the service refuses, or stays out of reach
   */
  follow<Data>(following: FollowedUntil<Data>): Promise<void>;
  close(): Promise<void>;
}

export interface FollowedUntil<Data> extends Omit<Following<Data>, 'renewToken'> {
  isDone(): boolean;
}

/**
 * @param server address of the server: http://127.0.0.1:4000
 * @param token access token, where the server asks for one
 */
export function connect(server: string, token?: string): Api {
  const url = apiUrl(server);
  const authorization = token === undefined ? null : `Bearer ${token}`;
  const request = async <Data, Variables>(
    operation: Operation<Data, Variables>,
    variables: Variables,
  ): Promise<Data> => {
    const response = await reach(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
      body: JSON.stringify({ query: textOf(operation), variables }),
    });
    const answer = (await response.json().catch(() => null)) as { data?: Data; errors?: GivenError[] } | null;
    if (response.status === 401) throw new AccessRefused(accessText(url, token, answer, response));
    if (answer?.errors) throw new ApiError(messagesOf(answer.errors));
    if (!answer?.data) throw new ApiError(`${url} answered ${response.status}, not as this service does: ${advice}`);
    return answer.data;
  };
  let socket: Client | null = null;
  const socketClient = () => {
    socket ??= createSocketClient({
      url: () => subscriptionsUrl(url, request),
      authorization: async () => authorization,
      keepAlive: pingMilliseconds,
      webSocketImpl: WebSocket,
    });
    return socket;
  };
  return {
    request,
    follow: (following) => followUntil(socketClient(), following, url),
    // A connection that fails to open counts as closed.
    close: async () => {
      await Promise.resolve(socket?.dispose()).catch(() => {});
    },
  };
}

/** The address of the API itself is taken as well: the stack's output GraphqlUrl ends in /graphql. */
const apiUrl = (server: string): URL => new URL('/graphql', server);

const serviceQuery = graphql('query Service { service { subscriptionsUrl } }');

/** The service's address for subscriptions; that of its API if it names none. */
async function subscriptionsUrl(url: URL, request: Api['request']): Promise<string> {
  const found = await request(serviceQuery, {}).catch(() => null);
  return new URL(found?.service.subscriptionsUrl ?? url, url).href.replace(/^http/, 'ws');
}

function followUntil<Data>(client: Client, following: FollowedUntil<Data>, url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    let lostTimer: ReturnType<typeof setTimeout> | undefined;
    let stop = () => {};
    const end = (error?: ApiError) => {
      clearTimeout(lostTimer);
      // `follow` may end before it has returned `stop`.
      queueMicrotask(() => stop());
      if (error) reject(error);
      else resolve();
    };
    const failed = (reason: string | null) =>
      end(new ApiError(`the connection to ${url.origin} is lost (${reason ?? 'no answer'}): its runs go on`));
    const report = (live: Live) => {
      following.report(live);
      clearTimeout(lostTimer);
      if (live.state === 'over') end();
      else if (live.state === 'refused') end(new ApiError(live.reason ?? 'the subscription is refused'));
      else if (live.state === 'locked') failed(live.reason);
      else if (live.state === 'lost') lostTimer = setTimeout(() => failed(live.reason), longestLoss);
    };
    stop = follow<Data>(client, {
      ...following,
      report,
      receive(data) {
        const cursor = following.receive(data);
        if (following.isDone()) end();
        return cursor;
      },
      ...(following.poll && {
        async poll() {
          const outcome = await following.poll!();
          return following.isDone() ? 'over' : outcome;
        },
      }),
    });
  });
}

/** @throws ApiError if the server does not answer */
function reach(url: URL, request: RequestInit): Promise<Response> {
  return fetch(url, request).catch((error: Error) => {
    const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
    throw new ApiError(`${url.origin} does not answer (${code ?? message}): ${advice}`);
  });
}

const advice = 'start a server there by npm start, or give the address of one by --server';

function accessText(url: URL, token: string | undefined, body: unknown, { headers }: Response): string {
  const reason = explainRefusal({ token: token ?? null, body, challenge: headers.get('www-authenticate') });
  return `${url.origin} does not let this command in: ${reason}. Give a token by --token or STILLHOUSE_TOKEN.`;
}

type GivenError = { message: string };
const messagesOf = (errors: readonly GivenError[]): string => errors.map(({ message }) => message).join('; ');
