import { createHash } from 'node:crypto';
import {
  type Expression,
  type ExpressionBuilder,
  expressionBuilder,
  type SelectQueryBuilder,
  type SqlBool,
  sql,
} from 'kysely';
import { z } from 'zod';
import { type Checked, identifierSchema, type Problem } from '../../contract/run-spec';
import { illFormedTexts } from '../../contract/well-formed';
import { limits } from '../shared/limits';
import { canonicalJson } from './canonical-json';
import type { Tables } from './tables';

/** One term of an order. Where `nullable`, missing values come last, or first where `nullsFirst`. */
export interface OrderTerm {
  value: Expression<unknown>;
  nullable: boolean;
  descending: boolean;
  nullsFirst: boolean;
}

/** Which page a client asks for. */
export interface PageRequest {
  first: number;
  after?: string | null | undefined;
}

/** A row's place in an order: the values of the order's terms, and the row's id to tell equals apart. */
export interface Place {
  keys: (string | number | null)[];
  id: string;
}

export interface Page<Node> {
  edges: { cursor: string; node: Node }[];
  hasNextPage: boolean;
}

/** What the values of a term are, as far as the database refuses others: an `integer` has 32 bits. */
export type KeyType = 'text' | 'number' | 'integer' | 'bigint';

/** One term of an order as its cursors know it. */
export interface KeyOf {
  key: KeyType;
  nullable: boolean;
}

const keySchemas: Readonly<Record<KeyType, z.ZodType>> = {
  text: z.string(),
  number: z.number(),
  integer: z.int32(),
  bigint: z.int(),
};

const cursorSchema = z.strictObject({
  v: z.literal(1),
  o: z.string(),
  k: z.array(z.union([z.string(), z.number(), z.null()])),
  i: identifierSchema,
});

/** Names an order, so that a cursor can tell whether it is used with the one it was made with. */
export const orderName = (order: unknown): string =>
  createHash('sha256').update(canonicalJson(order)).digest('hex').slice(0, 12);

export function encodeCursor(order: string, { keys, id }: Place): string {
  return Buffer.from(JSON.stringify({ v: 1, o: order, k: keys, i: id })).toString('base64url');
}

/**
 * The place a cursor stands for; invalid for one that was not made here, or was made with another order. A cursor is no
 * secret: whoever forges one gets another page, and nothing that a database refuses.
 */
export function decodeCursor(cursor: string, order: string, terms: readonly KeyOf[]): Checked<Place> {
  const invalid = (message: string): Checked<Place> => ({ kind: 'invalid', problems: [{ path: 'after', message }] });
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return invalid('is no cursor: pass the `endCursor` of a page, or leave it out');
  }
  const parsed = cursorSchema.safeParse(decoded);
  const notFromHere = () => invalid('is no cursor of this service: pass the `endCursor` of a page, or leave it out');
  if (!parsed.success || illFormedTexts(parsed.data, '').length > 0) return notFromHere();
  if (parsed.data.o !== order || parsed.data.k.length !== terms.length)
    return invalid('was made with another order: begin again without it, or ask for the order it came from');
  const fits = ({ key, nullable }: KeyOf, value: unknown) =>
    value === null ? nullable : keySchemas[key].safeParse(value).success;
  if (!terms.every((term, at) => fits(term, parsed.data.k[at]))) return notFromHere();
  return { kind: 'valid', value: { keys: parsed.data.k, id: parsed.data.i } };
}

/**
 * Narrows a query to one page: rows behind the place, in the order of the terms and then of the id. Each term is
 * selected as `key_0`, `key_1`, ...: the values a cursor is made of.
 */
export function pageQuery<Table extends keyof Tables, Row extends { id: string }>(
  query: SelectQueryBuilder<Tables, Table, Row>,
  { terms, id, limit, after }: { terms: OrderTerm[]; id: Expression<string>; limit: number; after: Place | null },
): SelectQueryBuilder<Tables, Table, Row & Record<`key_${number}`, string | number | null>> {
  const build = expressionBuilder<Tables, Table>();
  const behind = after === null ? query : query.where(afterPlace(build, terms, id, after));
  const keyed = behind.select(
    terms.map(({ value }, at) => sql<string | number | null>`${value}`.as(`key_${at}` as const)),
  );
  return ordered(keyed, terms, id).limit(limit) as never;
}

/**
 * Sorts by the selected values of the terms, and then by the id in the direction of the last term: an index on a term
 * and the id is in order both ways.
 */
export function ordered<Known, Table extends keyof Known, Row>(
  query: SelectQueryBuilder<Known, Table, Row>,
  terms: readonly OrderTerm[],
  id: Expression<string>,
): SelectQueryBuilder<Known, Table, Row> {
  return terms
    .reduce(
      (soFar, { nullable, descending, nullsFirst }, at) =>
        soFar.orderBy(sql.ref(`key_${at}`), (term) => {
          const directed = descending ? term.desc() : term.asc();
          if (!nullable) return directed;
          return nullsFirst ? directed.nullsFirst() : directed.nullsLast();
        }),
      query,
    )
    .orderBy(id, isDescending(terms) ? 'desc' : 'asc');
}

/** Which way ids go where all terms are equal. */
const isDescending = (terms: readonly OrderTerm[]): boolean => terms.at(-1)?.descending ?? false;

/** The page that a query with one row more than the page gives. */
export function pageOf<Row extends { id: string }, Node extends { id: string }>(
  rows: (Row & Record<`key_${number}`, string | number | null>)[],
  nodes: Map<string, Node>,
  { order, terms, first }: { order: string; terms: number; first: number },
): Page<Node> {
  const edges = rows.slice(0, first).flatMap((row) => {
    const node = nodes.get(row.id);
    const keys = Array.from({ length: terms }, (_, at) => row[`key_${at}`] ?? null);
    return node === undefined ? [] : [{ cursor: encodeCursor(order, { keys, id: row.id }), node }];
  });
  return { edges, hasNextPage: rows.length > first };
}

/** Whether a row comes after a place, in the order of the terms and then of the id. Stable under inserts. */
function afterPlace<Table extends keyof Tables>(
  build: ExpressionBuilder<Tables, Table>,
  terms: readonly OrderTerm[],
  id: Expression<string>,
  place: Place,
): Expression<SqlBool> {
  const equal = (term: OrderTerm, key: Place['keys'][number]) =>
    key === null ? build(term.value, 'is', null) : build(term.value, '=', key);
  const branches = terms.map((term, depth) =>
    build.and([
      ...terms.slice(0, depth).map((earlier, at) => equal(earlier, place.keys[at] ?? null)),
      later(build, term, place.keys[depth] ?? null),
    ]),
  );
  const sameKeys = terms.map((term, at) => equal(term, place.keys[at] ?? null));
  const afterwards = build.or([
    ...branches,
    build.and([...sameKeys, build(id, isDescending(terms) ? '<' : '>', place.id)]),
  ]);
  return build.and([...seekBound(build, terms[0], place.keys[0] ?? null), afterwards]);
}

function later<Table extends keyof Tables>(
  build: ExpressionBuilder<Tables, Table>,
  { value, nullable, descending, nullsFirst }: OrderTerm,
  key: Place['keys'][number],
): Expression<SqlBool> {
  if (key === null) return nullsFirst ? build(value, 'is not', null) : nothing(build, value);
  const beyond = build(value, descending ? '<' : '>', key);
  return nullable && !nullsFirst ? build.or([beyond, build(value, 'is', null)]) : beyond;
}

/** Follows from the rest for a first term that is never null, and lets an index begin at the place. */
function seekBound<Table extends keyof Tables>(
  build: ExpressionBuilder<Tables, Table>,
  term: OrderTerm | undefined,
  key: Place['keys'][number],
): Expression<SqlBool>[] {
  if (term === undefined || term.nullable || key === null) return [];
  return [build(term.value, term.descending ? '<=' : '>=', key)];
}

const nothing = <Table extends keyof Tables>(build: ExpressionBuilder<Tables, Table>, value: Expression<unknown>) =>
  build.and([build(value, 'is', null), build(value, 'is not', null)]);

/** What is wrong with the size of a page. */
export function pageProblems({ first }: PageRequest): Problem[] {
  if (first >= 1 && first <= limits.pageSize) return [];
  return [{ path: 'first', message: `${first} must be 1 to ${limits.pageSize}: page on with \`after\`` }];
}
