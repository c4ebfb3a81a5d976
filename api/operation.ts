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
import type { Access } from './access/authentication';
import type { ApiContext, Services } from './context';
import { maskError } from './errors';
import { checkLimits, limits } from './limits';

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
    if (invalid.length > 0) return invalid;
    const beyond = checkLimits(schema, document, given.variables ?? {}, given.operationName);
    if (beyond.length > 0) return beyond;
    return { schema, document, variableValues: given.variables, operationName: given.operationName, contextValue };
  } catch (error) {
    return [error instanceof GraphQLError ? error : new GraphQLError((error as Error).message)];
  }
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
