import { CompiledQuery } from 'kysely';
import type { RunFilter, RunOrder } from '../../../api/runs/run-filter';
import { searchQuery } from '../../../api/runs/run-search.store';
import { useTestServices } from '../../testkit/api-services';

const services = useTestServices();

/** How SQLite means to carry out a search, one line a step. */
async function planOf(filter: RunFilter, order: RunOrder[], after: (string | number)[] | null = null): Promise<string> {
  const { database } = services();
  const place = after && { keys: after, id: 'r' };
  const { sql, parameters } = searchQuery(database, { filter, order, limit: 50, after: place }).compile();
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
      [{ metric: { name: 'test/accuracy', reducer: 'MEAN' }, direction: 'DESC', nulls: 'LAST' }],
    );
    expect(plan).toMatch(/SEARCH run_parameter USING .*\(run_id=\? AND name=\?\)/);
    expect(plan.match(/SEARCH summary_metric USING .*\(run_id=\? AND name=\?\)/g)?.length).toBeGreaterThanOrEqual(2);
    expect(plan).not.toMatch(/SCAN (run_parameter|summary_metric)/);
  });

  it('takes the runs of one experiment by its index', async () => {
    const order: RunOrder[] = [{ field: 'POSITION', direction: 'ASC', nulls: 'LAST' }];
    expect(await planOf({ experimentId: { eq: 'x' } }, order)).toMatch(
      /SEARCH run USING (COVERING )?INDEX run_by_experiment_id_position/,
    );
  });
});
