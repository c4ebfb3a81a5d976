import type { Client } from 'graphql-ws';
import { type Operation, textOf } from '../../client/operation';
import { explainRefusal, isExpired } from '../../client/refused-token';
import { AccessRefused, createSocketClient, type Following, follow as followWith } from '../../client/subscription';
import { authorization, currentPage } from './page';

/** `unreachable` is worth trying again as it is, `unauthorised` with another token, `refused` not at all. */
export class RequestFailure extends Error {
  constructor(
    readonly kind: 'unreachable' | 'unauthorised' | 'refused',
    message: string,
  ) {
    super(message);
  }
}

/** The outcome of the last request. `locked`: the service wants a token, or another one; `reason` says why. */
export type ServiceState = { kind: 'answers' } | { kind: 'unreachable' } | { kind: 'locked'; reason: string | null };
let serviceState: ServiceState = { kind: 'answers' };
const listeners = new Set<(state: ServiceState) => void>();

function note(state: ServiceState): void {
  if (state.kind === serviceState.kind) return;
  serviceState = state;
  for (const listener of listeners) listener(state);
}

/** Calls back when the service stops or begins to answer; the function it returns ends that. */
export function onServiceState(listener: (state: ServiceState) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function unreachable(message: string): RequestFailure {
  note({ kind: 'unreachable' });
  return new RequestFailure('unreachable', message);
}

/** Sends a query or mutation. @throws RequestFailure, or the DOMException of an abort */
export async function request<Data, Variables>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Data> {
  let response = await send(operation, variables, signal);
  // It was not carried out: sending it again does nothing twice.
  if (response.status === 401 && (await currentPage().session.renew()))
    response = await send(operation, variables, signal);
  const answer = (await response.json().catch(() => null)) as Answer<Data> | null;
  if (response.status === 401) throw await turnedAway(answer, response.headers.get('www-authenticate'));
  if (answer?.errors) {
    note({ kind: 'answers' });
    throw new RequestFailure('refused', answer.errors.map(({ message }) => message).join('; '));
  }
  if (!answer?.data) throw unreachable(`The service answered with HTTP ${response.status}.`);
  note({ kind: 'answers' });
  return answer.data;
}

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string }[];
}

async function send<Data, Variables>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Response> {
  const given = await authorization();
  return fetch(currentPage().config.api, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(given && { authorization: given }) },
    body: JSON.stringify({ query: textOf(operation), variables }),
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw unreachable('The service does not answer.');
  });
}

async function turnedAway(body: unknown, challenge: string | null): Promise<RequestFailure> {
  const { session } = currentPage();
  const token = await session.token();
  const reason =
    token === null
      ? null
      : session.isSignedIn() && isExpired(token)
        ? 'Your sign-in has expired.'
        : explainRefusal({ token, body, challenge });
  note({ kind: 'locked', reason });
  return new RequestFailure('unauthorised', reason ?? 'The service asks for a token.');
}

/** Without a token, a refusal says nothing that the sign-in card does not say. */
function hasToken(): boolean {
  const { session } = currentPage();
  return session.isSignedIn() || session.hasPastedToken();
}

let client: Client | null = null;

function socketClient(): Client {
  const { config } = currentPage();
  client ??= createSocketClient({
    url: new URL(config.socket, location.href).href.replace(/^http/, 'ws'),
    authorization,
    keepAlive: config.keepAliveSeconds * 1000,
  });
  return client;
}

/** Follows a subscription on the socket of this page; the function it returns ends that. */
export const follow = <Data, Variables extends { after?: string | null }>(
  operation: Operation<Data, Variables>,
  variables: Omit<Variables, 'after'>,
  following: Omit<Following<Data>, 'query' | 'variables' | 'renewToken'>,
): (() => void) =>
  followWith<Data>(socketClient(), {
    ...following,
    query: textOf(operation),
    variables,
    renewToken: () => currentPage().session.renew(),
    ...(following.poll && { poll: () => asPoll(following.poll!) }),
    report(live) {
      if (live.state === 'locked') note({ kind: 'locked', reason: hasToken() ? live.reason : null });
      following.report(live);
    },
  });

/** A page that nobody sees asks nothing. */
async function asPoll(poll: () => Promise<'changes' | 'over'>): Promise<'changes' | 'over'> {
  if (document.hidden) return 'changes';
  try {
    return await poll();
  } catch (error) {
    throw error instanceof RequestFailure && error.kind === 'unauthorised' ? new AccessRefused(error.message) : error;
  }
}
