import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { GraphQLError } from 'graphql';
import { createHandler, type Response } from 'graphql-http';
import type { Viewer } from '../access/viewer';
import { type GraphqlOptions, prepareOperation } from '../graphql/operation';
import { maskError } from '../shared/errors';
import { limits } from '../shared/limits';
import type { BeginInvocation, Invocation } from './invocation';

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

function answer([body, { status, headers }]: Response): APIGatewayProxyStructuredResultV2 {
  return { statusCode: status, headers: { ...headers, 'cache-control': 'no-store' }, body: body ?? '' };
}
