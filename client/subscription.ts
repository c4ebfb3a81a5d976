import { type Client, createClient, MessageType } from 'graphql-ws';

/**
 * Where a followed subscription stands. `polling`: no socket can be reached, and the same facts are asked for by HTTP;
 * `lost`: neither is reached, and both are tried again; `locked`: the service wants another token; `refused`: the same
 * request would be refused again.
 */
export type LiveState = 'connecting' | 'live' | 'polling' | 'lost' | 'over' | 'refused' | 'locked';

/** @property reason what the service said about the state; null where it said nothing */
export interface Live {
  state: LiveState;
  reason: string | null;
}

export const connecting: Live = { state: 'connecting', reason: null };

export interface Following<Data> {
  /** A subscription with an argument `after`: the cursor behind which its events begin. */
  query: string;
  variables: Record<string, unknown>;
  /** Takes an event and returns its cursor. Events may be repeated. */
  receive(data: Data): string;
  /** A subscription that never completes: if it does, the service is going away, and it is tried again. */
  endless: boolean;
  /** Called when the state or its reason changes. */
  report(live: Live): void;
  /**
   * Asks by HTTP for what the events would tell; called again and again while no socket is reached.
   * @returns whether it will never change again
   * @throws what is reported as the reason of `lost`, or of `locked` for an `AccessRefused`
   */
  poll?(): Promise<'changes' | 'over'>;
  /** Gets another token after the service refused the last one; false: there is none without the user. */
  renewToken?(): Promise<boolean>;
}

/** The service does not take the token of a request, or wants one. */
export class AccessRefused extends Error {}

/** Times in milliseconds. */
export const followTimes = {
  firstRetry: 500,
  longestRetry: 5_000,
  /** Polling begins after so long without a message of a socket. */
  patience: 6_000,
  poll: 5_000,
};

/** Close code with which the service turns away who has no valid token. */
const forbiddenCode = 4403;

/** Code and reason of graphql-transport-ws with which a connection is ended. */
interface Closing {
  code: number;
  reason: string;
}

/**
 * Follows a subscription until the function it returns is called. After a loss it connects again and goes on behind
 * the last event received; the service may repeat events, so receivers drop those they have. The reason for the end of
 * a connection is in the close of the socket or, where a gateway ends it, in a `ping` before.
 *
 * @param client as `createSocketClient` makes it: with retries of its own it would begin again at the first cursor
 */
export function follow<Data>(client: Client, following: Following<Data>, times = followTimes): () => void {
  const follower = new Follower(client, following, times);
  follower.begin();
  return () => follower.stop();
}

class Follower<Data> {
  private after: string | null = null;
  private ended = false;
  private reported: Live | null = null;
  /** Number of the current connection attempt: messages of earlier ones are dropped. */
  private attempt = 0;
  private delay: number;
  private isTokenNew = false;
  private retryTimer: Timer;
  private pollTimer: Timer;
  private unsubscribe = () => {};
  private readonly unlisten: (() => void)[];

  constructor(
    private readonly client: Client,
    private readonly following: Following<Data>,
    private readonly times: typeof followTimes,
  ) {
    this.delay = times.firstRetry;
    this.unlisten = [
      // Any message shows that the socket works, also the answer to a ping: a quiet experiment has no events.
      client.on('message', ({ type }) => this.noteSocket(type === MessageType.ConnectionAck)),
      // Left at once: the gateway then closes as if in good order, and the client would begin at the first cursor.
      client.on('ping', (received, payload) => {
        if (received && payload?.closing !== undefined) this.leave(payload.closing as Closing);
      }),
    ];
  }

  begin(): void {
    this.report('connecting');
    this.expectSocket();
    this.connect();
  }

  stop(): void {
    this.ended = true;
    for (const unlisten of this.unlisten) unlisten();
    clearTimeout(this.retryTimer);
    clearTimeout(this.pollTimer);
    this.unsubscribe();
  }

  private report(state: LiveState, reason: string | null = null): void {
    if (this.reported?.state === state && this.reported.reason === reason) return;
    this.reported = { state, reason };
    this.following.report(this.reported);
  }

  private end(state: LiveState, reason: string | null = null): void {
    if (this.ended) return;
    this.stop();
    this.report(state, reason);
  }

  private connect(): void {
    if (this.ended) return;
    this.attempt += 1;
    const own = this.attempt;
    const isCurrent = () => !this.ended && own === this.attempt;
    const { query, variables, receive, endless } = this.following;
    const unsubscribe = this.client.subscribe<Data>(
      { query, variables: { ...variables, after: this.after } },
      {
        next: ({ data, errors }) => {
          if (!isCurrent()) return;
          if (errors) this.report('refused', messagesOf(errors));
          this.delay = this.times.firstRetry;
          if (data) this.after = receive(data);
        },
        error: (problem) => {
          if (!isCurrent()) return;
          // An array holds GraphQL errors; anything else is a closed socket.
          if (Array.isArray(problem)) this.end('refused', messagesOf(problem));
          else this.leave(problem as Partial<Closing>);
        },
        complete: () => {
          if (!isCurrent()) return;
          if (endless) this.lose(null);
          else this.end('over');
        },
      },
    );
    if (isCurrent()) this.unsubscribe = unsubscribe;
    else unsubscribe();
  }

  private leave({ code, reason }: Partial<Closing>): void {
    if (this.ended) return;
    this.attempt += 1;
    this.unsubscribe();
    if (code === forbiddenCode) void this.unlock(reason || null);
    else this.lose(reason || null);
  }

  /** With another token, once: a service that refuses that one too is not asked again. */
  private async unlock(reason: string | null): Promise<void> {
    const mayRenew = !this.isTokenNew && this.following.renewToken !== undefined;
    this.isTokenNew = true;
    if (mayRenew && (await this.following.renewToken?.())) this.connect();
    else this.end('locked', reason);
  }

  private lose(reason: string | null): void {
    if (this.reported?.state !== 'polling') this.report('lost', reason);
    this.expectSocket();
    clearTimeout(this.retryTimer);
    // Spread out, so that many clients do not come back in the same instant.
    this.retryTimer = setTimeout(() => this.connect(), this.delay * (0.5 + Math.random()));
    this.delay = Math.min(this.delay * 2, this.times.longestRetry);
  }

  private noteSocket(isAcknowledged: boolean): void {
    if (this.ended) return;
    if (isAcknowledged) this.isTokenNew = false;
    clearTimeout(this.pollTimer);
    this.pollTimer = undefined;
    this.report('live');
  }

  /** Polls from after a while on, unless a message of the socket comes first. */
  private expectSocket(): void {
    if (this.following.poll !== undefined) this.pollTimer ??= setTimeout(() => this.poll(), this.times.patience);
  }

  private async poll(): Promise<void> {
    const timer = this.pollTimer;
    const isNeeded = () => !this.ended && timer === this.pollTimer;
    try {
      const outcome = await this.following.poll!();
      if (!isNeeded()) return;
      if (outcome === 'over') return this.end('over');
      this.report('polling');
    } catch (error) {
      if (!isNeeded()) return;
      const { message } = error as Error;
      if (error instanceof AccessRefused) return this.end('locked', message);
      this.report('lost', message);
    }
    this.pollTimer = setTimeout(() => this.poll(), this.times.poll);
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined;

const messagesOf = (errors: readonly { message: string }[]): string => errors.map(({ message }) => message).join('; ');

/** A server that does not answer a ping within this time, in milliseconds, is taken for lost. */
const longestPong = 10_000;

/**
 * One socket for all subscriptions of a program, opened when the first begins.
 *
 * @param url must not reject: the library has no way to tell
 * @param authorization the `Authorization` header's text; asked for at each connection
 * @param keepAlive milliseconds between two pings: API Gateway ends a connection that is quiet for 10 minutes, and each
 *   ping is an invocation there
 * @param webSocketImpl of Node.js, which has none of its own before version 22
 */
export function createSocketClient(options: {
  url: string | (() => Promise<string>);
  authorization: () => Promise<string | null>;
  keepAlive: number;
  webSocketImpl?: unknown;
}): Client {
  const { url, authorization, keepAlive, webSocketImpl } = options;
  let socket: { close(code: number, reason: string): void } | null = null;
  let overdue: Timer;
  return createClient({
    url,
    keepAlive,
    webSocketImpl,
    // `follow` tries again itself, since each of its tries goes on behind the newest cursor.
    retryAttempts: 0,
    connectionParams: async () => {
      const text = await authorization();
      return text === null ? {} : { authorization: text };
    },
    on: {
      connected: (connected) => {
        socket = connected as typeof socket;
      },
      closed: () => clearTimeout(overdue),
      ping: (received) => {
        if (!received) overdue = setTimeout(() => socket?.close(4408, 'no pong'), longestPong);
      },
      pong: (received) => {
        if (received) clearTimeout(overdue);
      },
    },
  });
}
