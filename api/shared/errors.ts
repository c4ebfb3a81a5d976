import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import type { Problem } from '../../contract/run-spec';

/**
 * An expected failure, as data: what was asked cannot be done, and why, all reasons at once.
 * INVALID_INPUT: the caller gave something wrong. NOT_FOUND: what it names does not exist. CONFLICT: the state of
 * things forbids it.
 */
export interface Failure {
  kind: 'INVALID_INPUT' | 'NOT_FOUND' | 'CONFLICT';
  problems: Problem[];
}

export const invalidInput = (problems: Problem[]): Failure => ({ kind: 'INVALID_INPUT', problems: shown(problems) });
export const conflict = (path: string, message: string): Failure => ({
  kind: 'CONFLICT',
  problems: [{ path, message }],
});
export const notFound = (path: string, what: string, id: string): Failure => ({
  kind: 'NOT_FOUND',
  problems: [{ path, message: `there is no ${what} "${id}"` }],
});

export function isFailure(outcome: object): outcome is Failure {
  return 'kind' in outcome && 'problems' in outcome;
}

/** Most problems in one answer: a list may hold thousands of wrong entries. */
const mostProblems = 100;

function shown(problems: Problem[]): Problem[] {
  const more = problems.length - mostProblems;
  if (more <= 0) return problems;
  return [...problems.slice(0, mostProblems), { path: '', message: `${more} further problems are not shown` }];
}

/** A query's bad arguments: a list has no place for failure as data, so the problems travel in the extensions. */
export function badArguments(all: Problem[]): GraphQLError {
  const problems = shown(all);
  const text = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new GraphQLError(text, { extensions: { code: 'BAD_USER_INPUT', kind: 'INVALID_INPUT', problems } });
}

export function forbidden(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'FORBIDDEN' } });
}

/** Codes of errors about the request itself; their messages are meant for the caller. */
const publicCodes = new Set([
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'FORBIDDEN',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'LIMIT_EXCEEDED',
  'UNAUTHENTICATED',
]);

/** Codes by which SQLite, the file system and PostgreSQL say that there is no room. */
const fullDiskCodes = new Set(['SQLITE_FULL', 'ENOSPC', 'EDQUOT', '53100']);
const fullDiskMessage = 'the disk of the data directory is full: free some space, then send the request again';

/** Whether an error, or one that it was thrown for, says that the disk is full. */
export function isFullDisk(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return fullDiskCodes.has(String(code)) || (cause !== undefined && cause !== error && isFullDisk(cause));
}

/**
 * What a caller may see of an error. An error about the request passes without its stack; a broken invariant is
 * logged with an id, and the caller is told the id and nothing else.
 */
export function maskError(error: unknown, log: (line: string) => void = console.error): GraphQLError {
  if (error instanceof GraphQLError && isPublic(error)) {
    const { stacktrace: _, ...extensions } = error.extensions;
    return new GraphQLError(error.message, { nodes: error.nodes, path: error.path, extensions });
  }
  const cause = error instanceof GraphQLError ? (error.originalError ?? error) : error;
  const place = error instanceof GraphQLError ? { nodes: error.nodes, path: error.path } : {};
  if (isFullDisk(cause)) {
    log(fullDiskMessage);
    return new GraphQLError(fullDiskMessage, { ...place, extensions: { code: 'STORAGE_FULL' } });
  }
  const id = randomUUID();
  log(`error ${id}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`);
  return new GraphQLError(`internal error; the log of the service has more under ${id}`, {
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', id },
  });
}

function isPublic(error: GraphQLError): boolean {
  const { code } = error.extensions;
  if (typeof code === 'string' && code !== 'INTERNAL_SERVER_ERROR') return publicCodes.has(code);
  return error.originalError === undefined || error.originalError instanceof GraphQLError;
}
