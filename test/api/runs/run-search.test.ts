import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { buildSchema, type GraphQLEnumType, type GraphQLInputObjectType } from 'graphql';
import { summarise } from '../../../api/ingest/summary';
import { searchRuns } from '../../../api/runs/run.service';
import { indexedIds, partsOf } from '../../../api/runs/run-conditions.store';
import { type RunFilter, type RunOrder, reducers } from '../../../api/runs/run-filter';
import { walkOf } from '../../../api/runs/run-order.store';
import { sortedQuery, wholeQuery } from '../../../api/runs/run-search.store';
import { insertExperiment, insertRun, type TestServices, useTestServices } from '../../testkit/api-services';
import { engine } from '../../testkit/records';
import { plainRuns, runFilter, runOrder } from './arbitrary-search';
import { inOrder, type PlainRun, passes } from './naive-search';

const services = useTestServices();

/** Puts plain runs into the records as the service would have. */
async function store(target: TestServices, runs: readonly PlainRun[]): Promise<void> {
  // One transaction: the disk is waited for once, not once a row.
  await target.database.transaction().execute((database) => storeIn({ ...target, database }, runs));
}

async function storeIn(target: TestServices, runs: readonly PlainRun[]): Promise<void> {
  const { database } = target;
  for (const table of ['experiment', 'experiment_tag', 'run', 'run_parameter', 'summary_metric'] as const)
    await database.deleteFrom(table).execute();
  for (const run of runs) {
    const { experimentId } = run;
    await insertExperiment(target, { id: experimentId });
    await insertRun(target, run.id, {
      experiment_id: experimentId,
      position: run.position,
      variant: run.variant,
      group_id: run.groupId,
      method: run.method,
      state: run.state as 'PENDING',
      failure_kind: run.failureKind,
      seed: run.seed,
      epoch: run.epoch,
      attempt: run.attempt,
      elapsed_seconds: run.elapsedSeconds,
      engine: run.engine,
      device: run.device,
      instance_type: run.instanceType,
      trained_parameters: run.trainedParameters,
      model_bytes: run.modelBytes,
      billed_seconds: run.billedSeconds,
      cost: run.cost,
      energy_watt_hours: run.energyWattHours,
      created_at: run.createdAt,
      started_at: run.startedAt,
      finished_at: run.finishedAt,
      updated_at: run.updatedAt,
    });
    for (const tag of run.tags)
      await database.insertInto('experiment_tag').values({ experiment_id: experimentId, tag }).execute();
    for (const [name, value] of Object.entries(run.parameters))
      await database
        .insertInto('run_parameter')
        .values({ run_id: run.id, name, number: typeof value === 'number' ? value : null, text: String(value) })
        .execute();
    const summaries: Parameters<typeof summarise>[0] = new Map();
    for (const [name, values] of Object.entries(run.metrics))
      values.forEach((value, step) => {
        summarise(summaries, run.id, [{ step, epoch: 0, elapsedSeconds: 0, scope: 'step', values: { [name]: value } }]);
      });
    for (const summary of summaries.values()) await database.insertInto('summary_metric').values(summary).execute();
  }
}

/** Every id the service gives, page after page; `between` happens between two pages. */
async function allPages(
  filter: RunFilter,
  order: RunOrder[],
  first: number,
  between: (page: number) => Promise<void> = async () => {},
): Promise<string[]> {
  const ids: string[] = [];
  let after: string | null = null;
  for (let page = 0; page < 100; page++) {
    const { edges, hasNextPage } = await searchRuns(services(), filter, order, { first, after });
    ids.push(...edges.map(({ node }) => node.id));
    if (!hasNextPage) return ids;
    expect(edges).toHaveLength(first);
    after = edges.at(-1)!.cursor;
    await between(page);
  }
  throw new Error('the pages do not end');
}

/** Rows are stored one at a time, which a server takes longer for than a file. */
const numRuns = engine === 'sqlite' ? 50 : 15;

const byId: RunOrder[] = [{ field: 'POSITION', direction: 'ASC', nulls: 'LAST' }];

describe('searching runs', () => {
  it('is tried with every field that the schema has', () => {
    const schema = buildSchema(readFileSync(join(__dirname, '../../../schema.graphql'), 'utf8'));
    const fields = Object.keys((schema.getType('RunFilterInput') as GraphQLInputObjectType).getFields());
    const tried = new Set(fc.sample(runFilter, { numRuns: 2000, seed: 1 }).flatMap((filter) => Object.keys(filter)));
    expect([...tried].sort()).toEqual(fields.sort());
    const orders = fc.sample(runOrder, { numRuns: 1000, seed: 1 }).flatMap((order) => order.map(({ field }) => field));
    const values = (schema.getType('RunOrderField') as GraphQLEnumType).getValues().map(({ name }) => name);
    expect([...new Set(orders)].filter(Boolean).sort()).toEqual(values.sort());
  });

  it('finds what going through the runs one at a time finds, for any filter', async () => {
    await fc.assert(
      fc.asyncProperty(plainRuns, fc.array(runFilter, { minLength: 6, maxLength: 6 }), async (runs, filters) => {
        await store(services(), runs);
        for (const filter of filters) {
          const expected = runs.filter((run) => passes(run, filter)).map(({ id }) => id);
          const found = await searchRuns(services(), filter, byId, { first: 100 });
          expect(found.edges.map(({ node }) => node.id).sort()).toEqual(expected.sort());
          expect(await found.totalCount()).toBe(expected.length);
        }
      }),
      { numRuns },
    );
  });

  it('gives every run once and in order, for any order and page size', async () => {
    await fc.assert(
      fc.asyncProperty(
        plainRuns,
        fc.array(runOrder, { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (runs, orders, first) => {
          await store(services(), runs);
          for (const order of orders)
            expect(await allPages({}, order, first)).toEqual(inOrder(runs, order).map(({ id }) => id));
        },
      ),
      { numRuns },
    );
  });

  it('gives every run that passes once and in order, for any filter and order', async () => {
    const searches = fc.array(fc.tuple(runFilter, runOrder), { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(plainRuns, searches, fc.integer({ min: 1, max: 5 }), async (runs, asked, first) => {
        await store(services(), runs);
        for (const [filter, order] of asked) {
          const passing = runs.filter((run) => passes(run, filter));
          expect(await allPages(filter, order, first)).toEqual(inOrder(passing, order).map(({ id }) => id));
        }
      }),
      { numRuns },
    );
  });

  it('finds the same along an index with the ids at hand as by looking every condition up, and from each condition', async () => {
    await fc.assert(
      fc.asyncProperty(plainRuns, fc.array(runFilter, { minLength: 6, maxLength: 6 }), async (runs, filters) => {
        await store(services(), runs);
        const { database } = services();
        for (const [at, filter] of filters.entries()) {
          const metric = { name: 'test/accuracy', reducer: reducers[at % reducers.length]! };
          const direction = at % 2 === 0 ? 'DESC' : 'ASC';
          const byMetric: RunOrder[] = [{ metric, direction, nulls: 'LAST' }];
          const parts = partsOf(filter);
          const search = { filter, order: byMetric, limit: 100, after: null };
          const walk = walkOf(database, parts, byMetric)!;
          const lookedUp = await wholeQuery(walk, search, null).execute();
          const sorted = await sortedQuery(database, search, parts, null).execute();
          expect(sorted.filter((run) => run.key_0 !== null)).toEqual(lookedUp);
          for (const part of parts) {
            const ids = indexedIds(part);
            if (ids === null) continue;
            const few = { part, passing: true, ids, count: 0 };
            const many = { ...few, count: 1e6 };
            const failing = { part, passing: false, ids: indexedIds(part, false)!, count: 0 };
            for (const candidates of [few, many])
              expect(await sortedQuery(database, search, parts, candidates).execute()).toEqual(sorted);
            for (const held of [few, failing]) expect(await wholeQuery(walk, search, held).execute()).toEqual(lookedUp);
          }
        }
      }),
      { numRuns },
    );
  });

  it('repeats and misses none of the runs that were there when others come between two pages', async () => {
    const runs = Array.from({ length: 9 }, (_, at) => `run-${at}`);
    await insertExperiment(services());
    for (const [at, id] of runs.entries()) await insertRun(services(), id, { position: 2 * at });
    const found = await allPages({}, byId, 2, async (page) => {
      await insertRun(services(), `early-${page}`, { position: 0 });
      await insertRun(services(), `late-${page}`, { position: 100 + page });
    });
    expect(found.filter((id) => id.startsWith('run-'))).toEqual(runs);
    expect(found.filter((id) => id.startsWith('early-'))).toEqual([]);
  });

  it('refuses a cursor with another order, saying what to do', async () => {
    await insertExperiment(services());
    for (const id of ['a', 'b']) await insertRun(services(), id);
    const [edge] = (await searchRuns(services(), {}, byId, { first: 1 })).edges;
    const other: RunOrder[] = [{ field: 'SEED', direction: 'ASC', nulls: 'LAST' }];
    await expect(searchRuns(services(), {}, other, { first: 1, after: edge!.cursor })).rejects.toThrow(
      /after: was made with another order: begin again without it/,
    );
  });

  it.each([
    ['text that is no cursor', 'hello'],
    ['another version', Buffer.from('{"v":2,"o":"","k":[],"i":""}').toString('base64url')],
    ['an empty text', ''],
  ])('refuses %s as a cursor', async (_, after) => {
    await expect(searchRuns(services(), {}, byId, { first: 1, after })).rejects.toThrow(/is no cursor/);
  });

  it('refuses filters with more conditions or values than a statement takes', async () => {
    const many = { OR: Array.from({ length: 11 }, () => ({ seed: { in: Array(500).fill(1) } })) };
    await expect(searchRuns(services(), many, byId, { first: 1 })).rejects.toThrow(/5500 values, at most 5000/);
    const deep = { AND: Array.from({ length: 60 }, () => ({ seed: { eq: 1 } })) };
    await expect(searchRuns(services(), deep, byId, { first: 1 })).rejects.toThrow(/121 conditions, at most 100/);
  });

  it('reports all problems of the arguments at once', async () => {
    const filter = { seed: { eq: null }, variant: { in: Array(501).fill('x') } } as unknown as RunFilter;
    const order = [{ direction: 'ASC', nulls: 'LAST' }] as RunOrder[];
    await expect(searchRuns(services(), filter, order, { first: 201, after: 'x' })).rejects.toMatchObject({
      extensions: {
        code: 'BAD_USER_INPUT',
        problems: [
          { path: 'filter.seed.eq', message: expect.stringContaining('null compares with nothing') },
          { path: 'filter.variant.in', message: '501 values, at most 500 are allowed' },
          { path: 'orderBy.0', message: expect.stringContaining('give exactly one') },
          { path: 'first', message: expect.stringContaining('201 must be 1 to 200') },
          { path: 'after', message: expect.stringContaining('is no cursor') },
        ],
      },
    });
  });
});
