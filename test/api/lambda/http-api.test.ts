import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { createAccess } from '../../../api/access/authentication';
import { createHttpApiHandler } from '../../../api/lambda/http-api';
import { type Announcement, invocations } from '../../../api/lambda/invocation';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { apiSchema } from '../../testkit/ask';
import { httpEvent } from '../../testkit/lambda-events';

const services = useTestServices();
const secret = 'a-secret-of-some-length';

/** The handler with what it told others. */
async function handlerWith({ introspection = true, broken = false } = {}) {
  const told: (Announcement | 'wake')[] = [];
  const tell = async (what: Announcement | 'wake') => {
    if (broken) throw new Error('the queue is not to be had');
    told.push(what);
  };
  const handler = createHttpApiHandler({
    schema: await apiSchema(),
    access: createAccess({ tokens: [{ name: 'ann', role: 'editor', token: secret }], oidc: null }),
    introspection,
    begin: invocations(services(), { wake: () => tell('wake'), announce: tell }),
  });
  const send = async (given: Parameters<typeof httpEvent>[0]) => {
    const headers = { authorization: `Bearer ${secret}`, ...given.headers };
    const { statusCode, body } = await handler(httpEvent({ ...given, headers }));
    return { status: statusCode, ...JSON.parse(body || '{}') };
  };
  const raw = (given: Parameters<typeof httpEvent>[0]) =>
    handler(httpEvent({ ...given, headers: { authorization: `Bearer ${secret}`, ...given.headers } }));
  const ask = (query: string, variables: object = {}) => send({ body: JSON.stringify({ query, variables }) });
  return { ask, send, raw, told };
}

const silence = () => jest.spyOn(console, 'error').mockImplementation(() => {});
afterEach(() => jest.restoreAllMocks());

describe('GraphQL on an HTTP API', () => {
  it('answers who comes with a token, also where the body is encoded or a query comes by GET', async () => {
    const { ask, send } = await handlerWith();
    const expected = { status: 200, data: { viewer: { name: 'ann', role: 'EDITOR' } } };
    const query = '{ viewer { name role } }';
    expect(await ask(query)).toEqual(expected);
    const body = Buffer.from(JSON.stringify({ query })).toString('base64');
    expect(await send({ body, base64: true })).toEqual(expected);
    expect(await send({ method: 'GET', query: `query=${encodeURIComponent(query)}` })).toEqual(expected);
  });

  it('answers in brotli or gzip where the client takes it, and the answer is large enough', async () => {
    const { raw } = await handlerWith();
    const small = { body: JSON.stringify({ query: '{ viewer { name } }' }), headers: { 'accept-encoding': 'br' } };
    expect(await raw(small)).toMatchObject({ statusCode: 200, isBase64Encoded: false });
    const methods = {
      body: JSON.stringify({ query: '{ methods { name description parameters { name description } } }' }),
    };
    for (const [accepted, coding, decode] of [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
    ] as const) {
      const answer = await raw({ ...methods, headers: { 'accept-encoding': accepted } });
      expect(answer).toMatchObject({ isBase64Encoded: true, headers: { 'content-encoding': coding } });
      const text = decode(Buffer.from(answer.body!, 'base64')).toString();
      expect(text).toBe((await raw(methods)).body);
      expect(answer.body!.length).toBeLessThan(text.length);
    }
  });

  it('refuses in words what AWS Lambda could not carry, and sends what compression makes small enough', async () => {
    const question = 'why? '.repeat(1_300_000);
    await insertExperiment(services(), { question });
    const { raw } = await handlerWith();
    const asked = { body: JSON.stringify({ query: '{ experiment(id: "experiment") { question } }' }) };
    const refused = await raw(asked);
    expect(refused.statusCode).toBe(400);
    expect(JSON.parse(refused.body!).errors).toEqual([
      {
        message: expect.stringMatching(/^the answer has 65\d+ bytes, more than AWS Lambda carries: ask for fewer/),
        extensions: expect.objectContaining({ code: 'LIMIT_EXCEEDED', allowed: 5_500_000 }),
      },
    ]);
    expect(await raw({ ...asked, headers: { 'accept-encoding': 'br' } })).toMatchObject({ statusCode: 200 });
  });

  it('turns away who has none', async () => {
    const { send } = await handlerWith();
    const body = JSON.stringify({ query: '{ viewer { name } }' });
    const refused = await send({ body, headers: { authorization: 'Bearer wrong-but-long-enough' } });
    expect(refused).toMatchObject({ status: 401, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });

  it('changes nothing by GET', async () => {
    const { send } = await handlerWith();
    const query = `query=${encodeURIComponent('mutation { cancelRun(runId: "x") { __typename } }')}`;
    expect((await send({ method: 'GET', query })).status).toBe(405);
  });

  it('refuses what is no JSON, a form, and a request without an operation', async () => {
    const { send } = await handlerWith();
    expect(await send({ body: '{' })).toMatchObject({ status: 400, errors: [{ message: 'Unparsable JSON body' }] });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await send({ body: 'query=x', headers: form })).status).toBe(415);
    expect(await send({ body: '{}' })).toMatchObject({ status: 400, errors: [{ message: 'Missing query' }] });
  });

  it('holds to the limits, and tells mistakes apart by their codes', async () => {
    const { ask, send } = await handlerWith({ introspection: false });
    const aliases = `{ ${Array.from({ length: 60 }, (_, place) => `a${place}: viewer { name }`).join(' ')} }`;
    for (const [query, code] of [
      [aliases, 'LIMIT_EXCEEDED'],
      ['{ viewer { nothing } }', 'GRAPHQL_VALIDATION_FAILED'],
      ['{ __schema { types { name } } }', 'GRAPHQL_VALIDATION_FAILED'],
      ['{ viewer {', 'GRAPHQL_PARSE_FAILED'],
    ] as const) {
      const { status, errors } = await ask(query);
      expect([query, status, errors[0].extensions.code]).toEqual([query, 400, code]);
    }
    const variables = 'query ($first: Int!) { runs(first: $first) { nodes { id } } }';
    expect(await ask(variables, { first: 'many' })).toMatchObject({
      errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    });
    expect((await send({ body: `"${'x'.repeat(1_100_000)}"` })).status).toBe(413);
  });

  it('says of what breaks inside no more than an id', async () => {
    const { ask } = await handlerWith();
    const logged = silence();
    await services().database.schema.dropTable('run').execute();
    const { errors } = await ask('{ runs { totalCount } }');
    expect(errors[0].message).toMatch(/^internal error; the log of the service has more under /);
    expect(logged.mock.calls.join()).toMatch(/no such table|does not exist/);
  });

  it('has told the reconciler and the fan-out when the answer comes', async () => {
    const { ask, told } = await handlerWith();
    await insertExperiment(services());
    await insertRun(services(), 'r');
    expect((await ask('mutation { cancelRun(runId: "r") { __typename } }')).data.cancelRun.__typename).not.toBe(
      'NotFound',
    );
    expect(told).toEqual(['wake', { changed: ['experiment/experiment', 'run/r'] }]);
    await ask('{ runs { totalCount } }');
    expect(told).toHaveLength(2);
  });

  it('has done what it says it has, also where it could not tell the others', async () => {
    const { ask } = await handlerWith({ broken: true });
    const logged = silence();
    await insertExperiment(services());
    await insertRun(services(), 'r');
    expect((await ask('mutation { cancelRun(runId: "r") { __typename } }')).errors).toBeUndefined();
    expect(logged.mock.calls.join()).toContain('the queue is not to be had');
  });
});
