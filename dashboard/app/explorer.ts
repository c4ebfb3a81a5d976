import { getOperationAST, parse } from 'graphql';
import { createSocketClient } from '../../client/subscription';
import firstQuery from './explorer.graphql';
import { authorization, currentPage, openPage } from './page';

/** The explorer's program, which explorer.js brings: GraphiQL and its workers. */
declare const YogaGraphiQL: { renderYogaGraphiQL(root: Element, options: object): void };

interface Request {
  query: string;
  variables?: Record<string, unknown>;
  operationName?: string | null;
}

const isSubscription = ({ query, operationName }: Request): boolean =>
  getOperationAST(parse(query), operationName)?.operation === 'subscription';

async function main(): Promise<void> {
  const { config } = await openPage();
  const socket = createSocketClient({
    url: new URL(config.socket, location.href).href.replace(/^http/, 'ws'),
    authorization,
    keepAlive: config.keepAliveSeconds * 1000,
  });

  async function ask(request: Request, headers: Record<string, string>): Promise<unknown> {
    const given = await authorization();
    const response = await fetch(config.api, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(given && { authorization: given }), ...headers },
      body: JSON.stringify(request),
    });
    if (response.status === 401 && currentPage().session.canSignIn())
      return { errors: [{ message: 'Sign in on the dashboard in this tab, then come back to the explorer.' }] };
    return response.json();
  }

  YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root')!, {
    title: 'Stillhouse',
    defaultQuery: firstQuery,
    fetcher: (request: Request, options?: { headers?: Record<string, string> }) =>
      isSubscription(request) ? socket.iterate(request) : ask(request, options?.headers ?? {}),
  });
}

void main();
