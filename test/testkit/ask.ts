import { execute, type GraphQLError, type GraphQLSchema } from 'graphql';
import type { Services } from '../../api/context/context';
import { prepareOperation } from '../../api/graphql/operation';
import { createApiSchema } from '../../api/graphql/schema';
import { maskError } from '../../api/shared/errors';
import type { Role } from '../../api/shared/viewer';

let schema: Promise<GraphQLSchema> | null = null;

/** The schema, built once a test file. */
export function apiSchema(): Promise<GraphQLSchema> {
  schema ??= createApiSchema();
  return schema;
}

export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: the shape is that of the operation a test writes down
  data: any;
  errors: readonly GraphQLError[];
}

/** Sends an operation the way the transports do: parsed, validated, held to the limits, executed, masked. */
export async function ask(
  services: Services,
  source: string,
  variables: Record<string, unknown> = {},
  { role = 'admin', log = () => {} }: { role?: Role; log?: (line: string) => void } = {},
): Promise<Answer> {
  const built = await apiSchema();
  const contextValue = { services, viewer: { name: 'tester', role } };
  const prepared = prepareOperation({ schema: built, introspection: true }, { query: source, variables }, contextValue);
  if (!('schema' in prepared)) return { data: null, errors: prepared };
  const { data, errors } = await execute(prepared);
  // As it reaches a client: plain JSON.
  return {
    data: JSON.parse(JSON.stringify(data ?? null)),
    errors: (errors ?? []).map((error) => maskError(error, log)),
  };
}

/** As `ask`, for operations that must give data and no error. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is that of the operation a test writes down
export async function dataOf(...operation: Parameters<typeof ask>): Promise<any> {
  const { data, errors } = await ask(...operation);
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  return data;
}
