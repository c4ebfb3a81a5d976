import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAccess } from '../../api/access/authentication';
import { defaultRoleClaim, roleMappingSchema } from '../../api/access/oidc';
import { createHttpApiHandler } from '../../api/lambda/http-api';
import { invocations } from '../../api/lambda/invocation';
import { explorerPolicy, type PageConfig, pageFiles, pageHeaders, pagePolicy } from '../../contract/page';
import { dashboardFiles, explorerFiles } from '../../dashboard/files';
import type { TestServices } from './api-services';
import { apiSchema } from './ask';
import { type IdentityProviderOptions, startIdentityProvider } from './identity-provider';
import { httpEvent } from './lambda-events';
import { type LiveStack, startLiveStack } from './live-stack';

/**
 * What a browser meets of the stack: the page's files with the headers of CloudFront, the HTTP API behind the
 * gateway's JWT authorizer at the same origin, the WebSocket API at another, and the issuer of the tokens.
 */
export interface PageStack {
  /** Address of the page, with a slash at its end. */
  url: string;
  issuer: string;
  /** The stack's own, from which runs may read. */
  bucket: string;
  live: LiveStack;
  close(): Promise<void>;
}

export interface PageStackOptions extends Omit<IdentityProviderOptions, 'pageUrl'> {
  /** Of the page's configuration: another socket, say. */
  config?: Partial<PageConfig>;
  /** Where commands are sent for subscriptions; default: the WebSocket API. */
  subscriptionsUrl?: string;
  /** Default: an identity provider, at which people can sign in. */
  issuer?: { address: string };
}

const drainMilliseconds = 100;
const bucket = 'results';

export async function startPageStack(services: TestServices, options: PageStackOptions = {}): Promise<PageStack> {
  let answer = async (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.writeHead(503).end();
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const provider = options.issuer === undefined ? await startIdentityProvider({ ...options, pageUrl: url }) : null;
  const issuer = options.issuer?.address ?? provider!.issuer;
  const access = accessOf(issuer);
  const live = await startLiveStack(services, access);
  const config: PageConfig = {
    api: '/graphql',
    socket: live.gateway.url,
    keepAliveSeconds: 300,
    issuer,
    clientId: 'dashboard',
    scopes: 'openid profile email',
    parameters: '',
    ...options.config,
  };
  const files = await createFiles(config);
  const api = createHttpApiHandler({
    schema: await apiSchema(),
    introspection: true,
    access,
    begin: invocations(
      { ...services, readableBuckets: [bucket], subscriptionsUrl: options.subscriptionsUrl ?? live.gateway.url },
      live.hints,
    ),
  });
  answer = async (request, response) => {
    if (request.url?.startsWith('/graphql')) return answerApi(request, response);
    const file = files.get(new URL(request.url!, url).pathname);
    if (file === undefined) return void response.writeHead(403).end();
    response.writeHead(200, file.headers).end(file.contents);
  };

  async function answerApi(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const given = await access.authenticate(headers.authorization);
    // The authorizer knows issuer, audience and times; of roles it knows nothing, so the function tells of these.
    if (given.kind === 'refused' && !given.message.includes('claim')) {
      const challenge = `Bearer scope="" error="invalid_token" error_description="the token is not valid"`;
      response.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': challenge });
      response.end('{"message":"Unauthorized"}');
      return;
    }
    const outcome = await api(httpEvent({ method: request.method!, headers, body }));
    const bytes = Buffer.from(outcome.body ?? '', outcome.isBase64Encoded ? 'base64' : 'utf8');
    response.writeHead(outcome.statusCode!, outcome.headers as Record<string, string>).end(bytes);
  }

  // The queue of the fan-out, as Lambda takes from it.
  let draining = Promise.resolve();
  const timer = setInterval(() => {
    draining = draining.then(() => live.drain());
  }, drainMilliseconds);
  return {
    url,
    issuer,
    bucket,
    live,
    async close() {
      clearInterval(timer);
      await draining;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await live.close();
      await provider?.close();
    },
  };
}

const accessOf = (issuer: string) =>
  createAccess({
    tokens: [],
    oidc: { issuer, audience: 'stillhouse', roleClaim: defaultRoleClaim, roles: roleMappingSchema.parse('') },
  });

let bundles: Promise<[string, Uint8Array][]> | null = null;

/** The files of the page, bundled once for all tests of a process. */
function bundled(): Promise<[string, Uint8Array][]> {
  bundles ??= (async () => [...(await dashboardFiles()), ...(await explorerFiles())])();
  return bundles;
}

interface File {
  contents: Uint8Array;
  headers: Record<string, string>;
}

async function createFiles(config: PageConfig): Promise<Map<string, File>> {
  const connect = [new URL(config.socket).origin, new URL(config.issuer).origin];
  const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
  const fileOf = (name: string, contents: Uint8Array): [string, File] => {
    const policy = name === pageFiles.explorer ? explorerPolicy(connect) : pagePolicy(connect);
    const type = types[name.split('.')[1] as keyof typeof types];
    const headers = { ...pageHeaders, 'Content-Security-Policy': policy, 'Content-Type': type };
    return [`/${name}`, { contents, headers }];
  };
  const files = (await bundled()).map(([name, contents]) => fileOf(name, contents));
  const json = { contents: Buffer.from(JSON.stringify(config)), headers: { 'Content-Type': 'application/json' } };
  return new Map([...files, ['/', files[0]![1]], ['/config.json', json]]);
}
