import { type Expression, type ExpressionBuilder, expressionBuilder, type Kysely, type SqlBool } from 'kysely';
import { combinedTest, fieldsOf, tagTest, textTest, timeTest } from '../database/conditions';
import { type OrderTerm, type Place, pageQuery } from '../database/keyset';
import type { Tables } from '../database/tables';
import { type ExperimentFilter, type ExperimentOrder, experimentOrderFields } from './experiment-filter';

type Build = ExpressionBuilder<Tables, 'experiment'>;

const textColumns = {
  id: 'experiment.id',
  name: 'experiment.name',
  question: 'experiment.question',
  state: 'experiment.state',
  clonedFrom: 'experiment.cloned_from',
} as const;
const timeColumns = {
  createdAt: 'experiment.created_at',
  launchedAt: 'experiment.launched_at',
  archivedAt: 'experiment.archived_at',
} as const;

function experimentTest(build: Build, filter: ExperimentFilter): Expression<SqlBool> {
  const { tag } = filter;
  const tests = [
    ...fieldsOf(textColumns).flatMap((field) => {
      const condition = filter[field];
      return condition ? [textTest(build, build.ref(textColumns[field]), condition)] : [];
    }),
    ...fieldsOf(timeColumns).flatMap((field) => {
      const condition = filter[field];
      return condition ? [timeTest(build, build.ref(timeColumns[field]), condition)] : [];
    }),
    ...(tag ? [tagTest(build.ref('experiment.id'), tag)] : []),
  ];
  return combinedTest(build, filter, tests, (part: ExperimentFilter) => experimentTest(build, part));
}

export interface ExperimentSearch {
  filter: ExperimentFilter;
  includeArchived: boolean;
}

const searched = (database: Kysely<Tables>, { filter, includeArchived }: ExperimentSearch) =>
  database
    .selectFrom('experiment')
    .where((build) => experimentTest(build, filter))
    .$if(!includeArchived, (query) => query.where('experiment.archived_at', 'is', null));

/** Ids of the experiments that pass a filter, in an order, behind a place, each with the keys of a cursor. */
export function findExperimentPlaces(
  database: Kysely<Tables>,
  search: ExperimentSearch,
  { order, limit, after }: { order: readonly ExperimentOrder[]; limit: number; after: Place | null },
) {
  const build = expressionBuilder<Tables, 'experiment'>();
  const terms = order.map(({ field, direction, nulls }): OrderTerm => {
    const { column, nullable } = experimentOrderFields[field];
    return {
      value: build.ref(`experiment.${column}`),
      nullable,
      descending: direction === 'DESC',
      nullsFirst: nulls === 'FIRST',
    };
  });
  const query = searched(database, search).select('experiment.id');
  return pageQuery(query, { terms, id: build.ref('experiment.id'), limit, after }).execute();
}

export async function countExperiments(database: Kysely<Tables>, search: ExperimentSearch): Promise<number> {
  const { count } = await searched(database, search)
    .select((build) => build.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function findExperiments(database: Kysely<Tables>, ids: readonly string[]) {
  return ids.length === 0 ? [] : database.selectFrom('experiment').selectAll().where('id', 'in', ids).execute();
}
