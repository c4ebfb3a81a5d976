import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  specifiedRules,
  validate,
} from 'graphql';
import type { Access } from '../access/authentication';
import type { ApiContext, Services } from '../context/context';
import { maskError } from '../shared/errors';
import { checkDocumentSize, limits } from '../shared/limits';
import { checkCostOnce, checkTextOnce, parseOnce } from './kept-checks';

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
  options: Pick<GraphqlOptions, 'schema' | 'introspection'>,
  given: GivenOperation,
  contextValue: ApiContext,
): ExecutionArgs | readonly GraphQLError[] {
  const document = parseText(given.query);
  if (!('definitions' in document)) return document;
  const problems = checkOperation(options, document, given);
  if (problems.length > 0) return problems;
  const { variables: variableValues, operationName } = given;
  return { schema: options.schema, document, variableValues, operationName, contextValue };
}

/** The document of a text that is within the limits, or everything wrong with it. */
function parseText(text: string): DocumentNode | readonly GraphQLError[] {
  try {
    const beyond = checkTextOnce(text);
    return beyond.length > 0 ? beyond : parseOnce(text);
  } catch (error) {
    if (error instanceof GraphQLError) return [withCode(error, 'GRAPHQL_PARSE_FAILED')];
    throw error;
  }
}

/** Everything for which an operation of a document is not executed. */
export function checkOperation(...given: Parameters<typeof problemsOf>): readonly GraphQLError[] {
  try {
    return problemsOf(...given);
  } catch (error) {
    // Some rules of graphql-js throw where a variable is missing.
    if (error instanceof GraphQLError) return [withCode(error, 'BAD_USER_INPUT')];
    throw error;
  }
}

/**
 * Checks in an order in which each bounds the time of the next: size, validity, variables, cost.
 * @throws GraphQLError for some mistakes
 */
function problemsOf(
  { schema, introspection }: Pick<GraphqlOptions, 'schema' | 'introspection'>,
  document: DocumentNode,
  { operationName, variables }: Omit<GivenOperation, 'query'>,
): readonly GraphQLError[] {
  const { rules, valid } = introspection ? withIntrospection : withoutIntrospection;
  if (!valid.has(document)) {
    const beyond = checkDocumentSize(document);
    if (beyond.length > 0) return beyond;
    const invalid = validate(schema, document, rules, { maxErrors: limits.errors });
    if (invalid.length > 0) return invalid.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
    valid.add(document);
  }
  const operation = getOperationAST(document, operationName);
  // An unknown operation name is reported by the execution.
  return operation == null ? [] : checkCostOnce(schema, document, variables ?? {}, operation);
}

/** With the documents that were found valid: a transport that keeps documents has each validated once. */
const withIntrospection = { rules: specifiedRules, valid: new WeakSet<DocumentNode>() };
const withoutIntrospection = {
  rules: [...specifiedRules, NoSchemaIntrospectionCustomRule],
  valid: new WeakSet<DocumentNode>(),
};

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

/** A result as JSON. An event that is too large becomes an error that says so; the subscription goes on. */
export function smallEnough(result: ExecutionResult): Buffer {
  const json = Buffer.from(JSON.stringify(result));
  if (json.length <= messageBytes) return json;
  const message = `the message has ${json.length} bytes, at most ${messageBytes} are sent: select fewer fields, and query the rest`;
  const error = new GraphQLError(message, { extensions: { code: 'LIMIT_EXCEEDED' } });
  return Buffer.from(JSON.stringify({ data: null, errors: [error] }));
}

/** A message of graphql-transport-ws around a payload that is JSON already. @param id the client's name of its operation */
export const nextMessage = (id: string, payload: Buffer): string =>
  `{"id":${JSON.stringify(id)},"type":"next","payload":${payload}}`;
