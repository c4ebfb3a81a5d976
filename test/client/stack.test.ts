import { runUntilOver } from '../../client/follow';
import { type Api, connect } from '../../client/graphql';
import { graphql } from '../../client/operation';
import { AccessRefused } from '../../client/subscription';
import { insertExperiment, insertRun, useTestServices } from '../testkit/api-services';
import { type PageStack, startPageStack } from '../testkit/page-stack';
import { startTokenIssuer, type TokenIssuer } from '../testkit/token-issuer';

/** Commands against the stack on AWS: the HTTP API at one address, the WebSocket API at another. */
describe('a command on the stack', () => {
  let stack: PageStack;
  let issuer: TokenIssuer;
  const apis: Api[] = [];
  const open = (token: string): Api => {
    const api = connect(stack.url, token);
    apis.push(api);
    return api;
  };
  // Before the hooks of the records, which the stack needs to its end.
  afterEach(async () => {
    for (const api of apis.splice(0)) await api.close();
    await stack.close();
    await issuer.close();
  });
  const services = useTestServices();
  beforeEach(async () => {
    issuer = await startTokenIssuer();
    await insertExperiment(services());
    await insertRun(services(), 'run-a');
    await insertRun(services(), 'run-b', { seed: 1 });
  });
  const cancel = (api: Api) =>
    api.request(
      graphql('mutation { cancelExperiment(id: "experiment") { __typename ... on Failure { problems { message } } } }'),
      {},
    );

  it('finds the socket, and follows runs on it until they are over', async () => {
    stack = await startPageStack(services(), { issuer });
    const api = open(issuer.token());
    const { service } = await api.request(graphql('{ service { subscriptionsUrl } }'), {});
    expect(service.subscriptionsUrl).toBe(stack.live.gateway.url);
    const followed = runUntilOver(api, 'experiment');
    await waitFor(() => stack.live.gateway.posts.some(({ message }) => message.type === 'next'));
    await cancel(api);
    expect((await followed).map(({ id, state }) => [id, state]).sort()).toEqual([
      ['run-a', 'CANCELLED'],
      ['run-b', 'CANCELLED'],
    ]);
  });

  it('polls where the socket cannot be reached', async () => {
    stack = await startPageStack(services(), { issuer, subscriptionsUrl: 'ws://127.0.0.1:9/live' });
    const api = open(issuer.token());
    const followed = runUntilOver(api, 'experiment');
    await cancel(api);
    expect((await followed).map(({ state }) => state)).toEqual(['CANCELLED', 'CANCELLED']);
  });

  it.each([
    ['an expired token', { exp: 1 }, {}, /the token expired at 1970-01-01T00:00:01.000Z/],
    ['an algorithm that the gateway does not verify', {}, { alg: 'ES256' }, /signed with ES256, and API Gateway/],
    ['another audience', { aud: 'other' }, {}, /for the audience other; compare these with .*OidcAudience/],
  ])('says that it was refused for %s', async (_what, claims, header, message) => {
    stack = await startPageStack(services(), { issuer });
    const refused = open(issuer.token(claims, header)).request(graphql('{ viewer { name } }'), {});
    await expect(refused).rejects.toThrow(AccessRefused);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(/Give a token by --token or STILLHOUSE_TOKEN/);
  });
});

async function waitFor(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 20));
}
