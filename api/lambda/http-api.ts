import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { GraphQLError } from 'graphql';
import { createHandler, type Response } from 'graphql-http';
import { type GraphqlOptions, prepareOperation } from '../graphql/operation';
import { maskError } from '../shared/errors';
import { limits } from '../shared/limits';
import type { Viewer } from '../shared/viewer';
import type { BeginInvocation, Invocation } from './invocation';

/** AWS Lambda answers with 6 MB at most, as JSON; the rest is for headers. */
const mostAnswerBytes = 5_500_000;
/** Smaller bodies travel as they are: to compress them takes longer than it saves. */
const leastCompressedBytes = 2_000;

type HttpOptions = Omit<GraphqlOptions, 'services'> & { begin: BeginInvocation };
type Asked = { viewer: Viewer; invocation: Invocation };

/**
 * GraphQL over HTTP for an HTTP API of API Gateway (payload version 2.0), under the rules of the one machine's
 * (graphql-http.ts). Apollo Server, which serves there, would be a third of the bundle, for reports and caches that a
 * function has no use for.
 */
export function createHttpApiHandler(options: HttpOptions) {
  const handle = createHandler<APIGatewayProxyEventV2, Asked, Record<string, unknown>>({
    onSubscribe({ context: { invocation, viewer } }, { query, variables, operationName }) {
      const contextValue = { services: invocation.services, viewer };
      const prepared = prepareOperation(options, { query, variables, operationName }, contextValue);
      return 'schema' in prepared ? { ...prepared, contextValue } : failed(400, ...prepared);
    },
    // What is no GraphQL error is a request that cannot be read, in the library's own words.
    formatError: (error) => (error instanceof GraphQLError ? maskError(error) : error),
  });

  return async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
    const answer = (response: Response) => answerWith(response, event.headers['accept-encoding'] ?? '');
    try {
      const outcome = await options.access.authenticate(event.headers.authorization);
      if (outcome.kind === 'refused') return answer(failed(401, coded(outcome.message, 'UNAUTHENTICATED')));
      const body = bodyOf(event);
      if (Buffer.byteLength(body ?? '') > limits.bodyBytes)
        return answer(failed(413, coded(`the body has more than ${limits.bodyBytes} bytes`, 'BAD_REQUEST')));
      const invocation = options.begin();
      const response = await handle({
        method: event.requestContext.http.method,
        url: `${event.rawPath}?${event.rawQueryString}`,
        headers: event.headers,
        body,
        raw: event,
        context: { viewer: outcome.viewer, invocation },
      });
      await invocation.finish();
      return answer(response);
    } catch (error) {
      return answer(failed(500, error));
    }
  };
}

function bodyOf({ body, isBase64Encoded }: APIGatewayProxyEventV2): string | null {
  return body === undefined ? null : isBase64Encoded ? Buffer.from(body, 'base64').toString() : body;
}

const coded = (message: string, code: string) => new GraphQLError(message, { extensions: { code } });

function failed(status: number, ...errors: unknown[]): Response {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return [JSON.stringify({ errors: errors.map((error) => maskError(error)) }), { status, statusText: '', headers }];
}

/** @param accepted `Accept-Encoding` of the request */
async function answerWith(response: Response, accepted: string): Promise<APIGatewayProxyStructuredResultV2> {
  const [body, { status, headers }] = response;
  const text = body ?? '';
  const encoded = await encode(text, accepted);
  const answer = {
    statusCode: status,
    headers: { ...headers, ...encoded.headers, 'cache-control': 'no-store', vary: 'accept-encoding' },
    body: encoded.body,
    isBase64Encoded: encoded.isBase64Encoded,
  };
  // A text travels within JSON, where its quotes take two bytes each.
  const bytes = encoded.isBase64Encoded ? encoded.body.length : Buffer.byteLength(JSON.stringify(encoded.body));
  return bytes <= mostAnswerBytes ? answer : answerWith(tooLarge(Buffer.byteLength(text)), '');
}

const tooLarge = (bytes: number): Response =>
  failed(
    400,
    new GraphQLError(
      `the answer has ${bytes} bytes, more than AWS Lambda carries: ask for fewer runs, names or points, or for a smaller page`,
      { extensions: { code: 'LIMIT_EXCEEDED', limit: 'answer bytes', found: bytes, allowed: mostAnswerBytes } },
    ),
  );

type Encoded = Pick<APIGatewayProxyStructuredResultV2, 'headers'> & { body: string; isBase64Encoded: boolean };

async function encode(text: string, accepted: string): Promise<Encoded> {
  const coding = (['br', 'gzip'] as const).find((name) => accepts(accepted, name));
  if (coding === undefined || text.length < leastCompressedBytes) return { body: text, isBase64Encoded: false };
  const compress = coding === 'br' ? compressBrotli : promisify(gzip);
  const body = (await compress(text)).toString('base64');
  return { body, isBase64Encoded: true, headers: { 'content-encoding': coding } };
}

/** At the level where it is as fast as gzip, and smaller. */
const compressBrotli = (text: string): Promise<Buffer> =>
  promisify(brotliCompress)(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });

/** Whether a client takes a coding; `;q=0` says that it does not. */
const accepts = (accepted: string, coding: string): boolean =>
  accepted
    .split(',')
    .map((part) => part.trim().split(/\s*;\s*q=/))
    .some(([name, weight]) => name === coding && Number(weight ?? 1) > 0);
