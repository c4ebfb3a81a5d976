import { type Expression, type ExpressionBuilder, expressionBuilder, type SqlBool, sql } from 'kysely';
import type { Problem } from '../../contract/run-spec';
import { limits } from '../shared/limits';
import type { Tables } from './tables';

/** Tests on a number; all that are given must hold. */
export interface NumberCondition {
  eq?: number;
  ne?: number;
  in?: number[];
  notIn?: number[];
  lt?: number;
  lte?: number;
  gt?: number;
  gte?: number;
}

/** Tests on a text; all that are given must hold. `contains` and `startsWith` take no account of case. */
export interface TextCondition {
  eq?: string;
  ne?: string;
  in?: string[];
  notIn?: string[];
  contains?: string;
  startsWith?: string;
}

/** Tests on a time. */
export interface TimeCondition {
  before?: Date;
  from?: Date;
}

/** Logic over filters of one kind. An empty OR holds for nothing, an empty AND for everything. */
export interface Combined<Filter> {
  AND?: Filter[];
  OR?: Filter[];
  NOT?: Filter;
}

type Builder<Table extends keyof Tables> = ExpressionBuilder<Tables, Table>;
type Test = Expression<SqlBool>;

/*
 * A test on a value that is missing (null) does not hold, `ne` and `notIn` included, and its NOT does. SQL has a third
 * truth value for this; `is not null` in front of every test keeps it out.
 */

export function numberTest<Table extends keyof Tables>(
  build: Builder<Table>,
  operand: Expression<number | null>,
  condition: NumberCondition,
): Test {
  const { lt, lte, gt, gte } = condition;
  return build.and([
    ...equalityTests(build, operand, condition, wide),
    ...(lt === undefined ? [] : [build(operand, '<', wide(lt))]),
    ...(lte === undefined ? [] : [build(operand, '<=', wide(lte))]),
    ...(gt === undefined ? [] : [build(operand, '>', wide(gt))]),
    ...(gte === undefined ? [] : [build(operand, '>=', wide(gte))]),
  ]);
}

/** PostgreSQL takes 0.5 for no value to compare a whole number with, unless it is told that it may be any number. */
const wide = (value: number) => sql<number>`cast(${value} as double precision)`;

export function textTest<Table extends keyof Tables>(
  build: Builder<Table>,
  operand: Expression<string | null>,
  condition: TextCondition,
): Test {
  const { contains, startsWith } = condition;
  return build.and([
    ...equalityTests(build, operand, condition, (value) => sql.val(value)),
    ...(contains === undefined ? [] : [like(operand, `%${literal(contains)}%`)]),
    ...(startsWith === undefined ? [] : [like(operand, `${literal(startsWith)}%`)]),
  ]);
}

/** Whether any tag of an experiment passes. */
export function tagTest(experimentId: Expression<string>, condition: TextCondition): Test {
  const build = expressionBuilder<Tables>();
  return build.exists(
    build
      .selectFrom('experiment_tag')
      .select('experiment_tag.tag')
      .where('experiment_tag.experiment_id', '=', experimentId)
      .where((inner) => textTest(inner, inner.ref('experiment_tag.tag'), condition)),
  );
}

/** The fields of a filter that test columns, with their names typed. */
export const fieldsOf = <Fields extends object>(fields: Fields) => Object.keys(fields) as (keyof Fields)[];

export function timeTest<Table extends keyof Tables>(
  build: Builder<Table>,
  operand: Expression<string | null>,
  { before, from }: TimeCondition,
): Test {
  return build.and([
    build(operand, 'is not', null),
    ...(before === undefined ? [] : [build(operand, '<', before.toISOString())]),
    ...(from === undefined ? [] : [build(operand, '>=', from.toISOString())]),
  ]);
}

/** Joins tests of one filter with its AND, OR and NOT. */
export function combinedTest<Table extends keyof Tables, Filter>(
  build: Builder<Table>,
  { AND, OR, NOT }: Combined<Filter>,
  tests: Test[],
  testOf: (filter: Filter) => Test,
): Test {
  return build.and([
    ...tests,
    ...(AND ?? []).map(testOf),
    ...(OR === undefined ? [] : [build.or(OR.map(testOf))]),
    ...(NOT === undefined ? [] : [build.not(testOf(NOT))]),
  ]);
}

function equalityTests<Table extends keyof Tables, Value extends number | string>(
  build: Builder<Table>,
  operand: Expression<Value | null>,
  { eq, ne, in: among, notIn }: { eq?: Value; ne?: Value; in?: Value[]; notIn?: Value[] },
  bound: (value: Value) => Expression<Value>,
): Test[] {
  const value = operand as Expression<unknown>;
  const never = build.and([build(value, 'is', null), build(value, 'is not', null)]);
  return [
    build(value, 'is not', null),
    ...(eq === undefined ? [] : [build(value, '=', bound(eq))]),
    ...(ne === undefined ? [] : [build(value, '!=', bound(ne))]),
    ...(among === undefined ? [] : [among.length === 0 ? never : build(value, 'in', among.map(bound))]),
    ...(notIn === undefined || notIn.length === 0 ? [] : [build(value, 'not in', notIn.map(bound))]),
  ];
}

/** Every engine knows the letters of ASCII alone here: SQLite always, PostgreSQL by the collation of the columns. */
const like = (operand: Expression<string | null>, pattern: string): Test => {
  const lowered = pattern.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  return sql<SqlBool>`lower(${operand}) like ${lowered} escape ${'\\'}`;
};

/** Text as part of a LIKE pattern: its own wildcards stand for themselves. */
const literal = (text: string): string => text.replaceAll(/[\\%_]/g, (character) => `\\${character}`);

/** What makes a filter unusable: a null, which compares with nothing, or that it is beyond a limit. */
export function filterProblems(filter: object, path = 'filter'): Problem[] {
  const problems: Problem[] = [];
  let [conditions, values, isTooDeep] = [0, 0, false];
  const tooMany = (at: string, count: number, what: string, most: number) => {
    if (count > most) problems.push({ path: at, message: `${count} ${what}, at most ${most} are allowed` });
    return count > most;
  };
  const walk = (value: unknown, at: string, depth: number): void => {
    if (value === null)
      problems.push({ path: at, message: 'null compares with nothing: leave it out, or ask for `present: false`' });
    else if (depth > limits.filterDepth) isTooDeep = true;
    else if (Array.isArray(value)) {
      if (!tooMany(at, value.length, 'values', limits.listValues))
        for (const [place, entry] of value.entries()) walk(entry, `${at}.${place}`, depth);
    } else if (typeof value === 'object' && !(value instanceof Date)) {
      conditions += 1;
      for (const [key, part] of Object.entries(value as object))
        if (part !== undefined) walk(part, `${at}.${key}`, depth + 1);
    } else {
      values += 1;
      if (typeof value === 'string') tooMany(at, value.length, 'characters', limits.filterTextLength);
    }
  };
  walk(filter, path, 0);
  if (isTooDeep)
    problems.push({ path, message: `has more than ${limits.filterDepth} levels: nest fewer AND, OR and NOT` });
  tooMany(path, conditions, 'conditions', limits.filterConditions);
  tooMany(path, values, 'values', limits.filterValues);
  return problems;
}
