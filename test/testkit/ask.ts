import { execute, GraphQLError, type GraphQLSchema, parse, validate } from 'graphql';
import type { Role } from '../../api/access/viewer';
import { createApiSchema } from '../../api/graphql/schema';
import type { Services } from '../../api/shared/context';
import { maskError } from '../../api/shared/errors';
import { checkLimits } from '../../api/shared/limits';

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
  const document = parse(source);
  const built = await apiSchema();
  const invalid = validate(built, document);
  if (invalid.length > 0) return { data: null, errors: invalid };
  const beyond = checkLimits(built, document, variables);
  if (beyond.length > 0) return { data: null, errors: beyond };
  const contextValue = { services, viewer: { name: 'tester', role } };
  const { data, errors } = await execute({ schema: built, document, variableValues: variables, contextValue });
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
