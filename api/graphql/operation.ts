import {
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import type { Access } from '../access/authentication';
import type { ApiContext, Services } from '../shared/context';
import { maskError } from '../shared/errors';
import { checkLimits, limits } from '../shared/limits';

/** What every way in to GraphQL needs. */
export interface GraphqlOptions {
  schema: GraphQLSchema;
  services: Services;
  access: Access;
  introspection: boolean;
}

/** An operation as clients send it. */
export interface GivenOperation {
  query: string;
  operationName?: string | null | undefined;
  variables?: Record<string, unknown> | null | undefined;
}

/** The largest message sent: that of API Gateway's WebSockets leaves some room, so clients may count on it anywhere. */
export const messageBytes = 24 * 1024;
export const mostOperationsPerSocket = 100;

/** An operation as it will be executed, or everything wrong with it: parsed, validated, held to the limits. */
export function prepareOperation(
  { schema, introspection }: Pick<GraphqlOptions, 'schema' | 'introspection'>,
  given: GivenOperation,
  contextValue: ApiContext,
): ExecutionArgs | readonly GraphQLError[] {
  try {
    const document = parse(given.query, { maxTokens: limits.tokens });
    const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    const invalid = validate(schema, document, rules);
    if (invalid.length > 0) return invalid.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
    // The cost is that of the variables, so they are read here first, and may be found not to fit.
    const beyond = checkLimits(schema, document, given.variables ?? {}, given.operationName);
    if (beyond.length > 0) return beyond;
    return { schema, document, variableValues: given.variables, operationName: given.operationName, contextValue };
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    return [withCode(error, /^Syntax Error/.test(error.message) ? 'GRAPHQL_PARSE_FAILED' : 'BAD_USER_INPUT')];
  }
}

/** The codes by which Apollo Server, which the other way in runs on, tells these mistakes apart. */
function withCode(error: GraphQLError, code: string): GraphQLError {
  const { message, nodes, source, positions, path, originalError } = error;
  const extensions = { code, ...error.extensions };
  return new GraphQLError(message, { nodes, source, positions, path, originalError, extensions });
}

/** A result as a client may see it. */
export function masked(result: ExecutionResult): ExecutionResult {
  return result.errors === undefined ? result : { ...result, errors: result.errors.map((error) => maskError(error)) };
}

/** An event that is too large becomes an error that says so; the subscription goes on. */
export function smallEnough(result: ExecutionResult): ExecutionResult {
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes <= messageBytes) return result;
  const message = `the message has ${bytes} bytes, at most ${messageBytes} are sent: select fewer fields, and query the rest`;
  return { data: null, errors: [new GraphQLError(message, { extensions: { code: 'LIMIT_EXCEEDED' } })] };
}
