import { type Compilable, CompiledQuery } from 'kysely';
import { partsOf } from '../../../api/runs/run-conditions.store';
import { type RunFilter, type RunOrder, reducers } from '../../../api/runs/run-filter';
import { walkOf } from '../../../api/runs/run-order.store';
import { sortedQuery, wholeQuery } from '../../../api/runs/run-search.store';
import { useTestServices } from '../../testkit/api-services';

const services = useTestServices();

/** How SQLite means to carry out a search along the index of its order, one line a step. */
async function planOf(filter: RunFilter, order: RunOrder[], after: (string | number)[] | null = null): Promise<string> {
  const walk = walkOf(services().database, partsOf(filter), order);
  if (walk === null) throw new Error('there is no index for this order');
  const place = after && { keys: after, id: 'r' };
  return explained(wholeQuery(walk, { filter, order, limit: 50, after: place }, null));
}

async function explained(query: Compilable): Promise<string> {
  const { database } = services();
  const { sql, parameters } = query.compile();
  const plan = await database.executeQuery<{ detail: string }>(
    CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]),
  );
  return plan.rows.map(({ detail }) => detail).join('\n');
}

const newest: RunOrder[] = [{ field: 'CREATED_AT', direction: 'DESC', nulls: 'LAST' }];

describe('the plan of a search', () => {
  it('walks the index of the order instead of sorting all runs', async () => {
    const plan = await planOf({}, newest);
    expect(plan).toMatch(/SCAN run USING (COVERING )?INDEX run_by_created_at_id/);
    expect(plan).not.toContain('USE TEMP B-TREE FOR ORDER BY');
  });

  it('begins a later page at its place in the index', async () => {
    expect(await planOf({}, newest, ['2026-01-01'])).toMatch(/SEARCH run USING (COVERING )?INDEX run_by_created_at_id/);
  });

  it('looks parameters and metrics up by their keys', async () => {
    const plan = await planOf(
      {
        parameter: { name: 'alpha', number: { gt: 0.5 } },
        metric: { name: 'test/accuracy', reducer: 'BEST', value: { gt: 0.8 } },
      },
      newest,
    );
    expect(plan).toMatch(
      /SEARCH parameter_of_run USING COVERING INDEX run_parameter_by_name_run_id \(name=\? AND run_id=\? AND number>\?\)/,
    );
    expect(plan).toMatch(
      /SEARCH metric_of_run USING COVERING INDEX summary_metric_by_name_run_id \(name=\? AND run_id=\?\)/,
    );
    expect(plan).not.toMatch(/SCAN (parameter|metric)_of_run/);
  });

  it.each(reducers.flatMap((reducer) => (['ASC', 'DESC'] as const).map((direction) => ({ reducer, direction }))))(
    'walks the index of a metric, from the bound that the filter sets: $reducer $direction',
    async ({ reducer, direction }) => {
      const metric = { name: 'test/accuracy', reducer };
      const filter = { metric: { ...metric, value: { gt: 0.5 } } };
      const plan = await planOf(filter, [{ metric, direction, nulls: 'LAST' }]);
      const column = reducer.toLowerCase();
      const index = `summary_metric_by_name_${column}_run_id`;
      expect(plan).toMatch(
        new RegExp(`SEARCH summary_metric USING (COVERING )?INDEX ${index} \\(name=\\? AND ${column}>\\?\\)`),
      );
      expect(plan).not.toContain('TEMP B-TREE');
    },
  );

  it('takes the runs of one experiment by its index', async () => {
    const order: RunOrder[] = [{ field: 'POSITION', direction: 'ASC', nulls: 'LAST' }];
    const filter = { experimentId: { eq: 'x' } };
    const search = { filter, order, limit: 50, after: null };
    expect(await explained(sortedQuery(services().database, search, partsOf(filter), null))).toMatch(
      /SEARCH run USING (COVERING )?INDEX run_by_experiment_id_position/,
    );
  });
});
