import { print } from '@0no-co/graphql.web';
import { initGraphQLTada, type TadaDocumentNode } from 'gql.tada';
import type { introspection } from './schema-types';

/**
 * Reads a GraphQL document. The types of its variables and of its result are inferred from the document and the schema:
 * a field that the schema lacks has the type `unknown`.
 */
export const graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: { DateTimeISO: string; JSON: unknown; JSONObject: object; SafeInt: number };
}>();

export type { ResultOf, VariablesOf } from 'gql.tada';

/** A GraphQL document with the types of its result and its variables. */
export type Operation<Data, Variables> = TadaDocumentNode<Data, Variables>;

/** The text of a document, which the service takes. */
export const textOf = <Data, Variables>(operation: Operation<Data, Variables>): string =>
  print(operation as Parameters<typeof print>[0]);
