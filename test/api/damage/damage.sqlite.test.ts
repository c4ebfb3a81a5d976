import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { parquetReadObjects } from 'hyparquet';
import { createAccess } from '../../../api/access/authentication';
import type { Services } from '../../../api/context/context';
import { openSqlite } from '../../../api/database/sqlite';
import { completeDefinition } from '../../../api/definition/definition';
import { exportRoutes } from '../../../api/http/export-http';
import { keysUnder } from '../../../api/ingest/run-objects';
import { reindex } from '../../../api/process/reindex.service';
import { followMetrics } from '../../../api/subscriptions/metric-updates.service';
import { createRunChanges } from '../../../api/subscriptions/run-changes';
import { followRuns } from '../../../api/subscriptions/run-updates.service';
import type { Api } from '../../../client/graphql';
import { textOf } from '../../../client/operation';
import { cancelledKey, experimentKey } from '../../../contract/keys';
import { directoryObjectStore } from '../../../contract/objects/directory';
import * as dashboard from '../../../dashboard/app/queries';
import { fetchReport } from '../../../report/fetch';
import { page } from '../../../report/page';
import { apiSchema, ask } from '../../testkit/ask';
import { attemptIn } from '../../testkit/attempts';
import { tinyRun } from '../../testkit/tiny-runs';

/** Every kind of object that a run and a server leave is damaged in every way, one at a time. */

const experimentId = 'experiment';
const damagedRun = 'kd-0';
const soundRuns = ['kd-1', 'scratch-0', 'scratch-1'];
const allRuns = [damagedRun, ...soundRuns];

let folder = '';
let baseline: Answers;
let services: Services;
const logged: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-damage-'));
  await train();
  services = await openServices('objects');
  const { problems } = await reindex(services);
  expect(problems).toEqual([]);
  baseline = await askEverything(services);
}, 120_000);
afterAll(async () => {
  await services?.database.destroy();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  logged.length = 0;
  jest.spyOn(console, 'error').mockImplementation((line) => void logged.push(String(line)));
});
afterEach(() => jest.restoreAllMocks());

/** Two methods with two seeds each, by real trainers; one of the runs in two attempts. */
async function train(): Promise<void> {
  const data = tinyRun(folder, 'kd').data;
  for (const runId of allRuns) {
    const [method, seed] = runId.split('-') as ['kd' | 'scratch', string];
    const spec = { ...tinyRun(folder, method), data, runId, experimentId, variant: method, seed: Number(seed) };
    if (runId === damagedRun) {
      const stop = new AbortController();
      const interrupted = await attemptIn(folder, spec, undefined, stop.signal, {
        record: ({ scope }) => scope === 'epoch' && stop.abort(),
      });
      expect(interrupted.outcome).toBe('interrupted');
    }
    expect((await attemptIn(folder, spec)).outcome).toBe('succeeded');
  }
  const objects = storeIn('objects');
  // A wish to cancel that came too late for the run.
  await objects.write(cancelledKey(damagedRun), `{"at":"2026-01-01T00:00:00.000Z"}\n`);
  const definition = completeDefinition({ name: 'Damage', data, variants: [] });
  const times = { createdAt: '2026-01-01T00:00:00.000Z', launchedAt: '2026-01-01T00:00:00.000Z' };
  const record = { version: 1, id: experimentId, definition, clonedFrom: null, ...times };
  await objects.write(experimentKey(experimentId), JSON.stringify(record));
}

const storeIn = (name: string) => directoryObjectStore(join(folder, name));

let databases = 0;
async function openServices(objects: string): Promise<Services> {
  databases += 1;
  return {
    database: await openSqlite(join(folder, `records-${databases}.sqlite`)),
    objects: storeIn(objects),
    // Nobody can wait: a subscription ends where nothing more is there.
    changes: { ...createRunChanges(), listen: () => null },
    wake: () => {},
  };
}

/** Answers by the name of what was asked. */
type Answers = Record<string, unknown>;

const names = ['test/accuracy', 'train/loss', 'no/such'];
const input = {
  name: 'n',
  question: '',
  data: { train: '/t', test: '/t' },
  variants: [{ name: 'v', method: 'scratch' }],
  seeds: [0],
};

/** A document for every query of the schema; `damage` wherever there is one. */
const queries: Record<string, [string, Record<string, unknown>]> = {
  viewer: ['{ viewer { name } }', {}],
  methods: ['{ methods { name } }', {}],
  metrics: ['{ metrics { title } }', {}],
  service: ['{ service { subscriptionsUrl } }', {}],
  presets: ['{ presets { name } }', {}],
  planExperiment: ['query ($input: ExperimentInput!) { planExperiment(input: $input) { __typename } }', { input }],
  planPreset: [
    'query ($input: PresetExperimentInput!) { planPreset(input: $input) { __typename } }',
    { input: { preset: 'E2', data: input.data, teacher: { folder: '/t' } } },
  ],
  experiment: [
    '{ experiment(id: "experiment") { id name stateCounts: question definition presentation { rows { label } } } }',
    {},
  ],
  experiments: ['{ experiments { nodes { id name question } } }', {}],
  run: [
    `{ run(id: "${damagedRun}") { id state spec resultNotes damage metrics { name last min max mean } attempts { number outcome } provenance { code node rows { train } trainFile { sha256 } damage } } }`,
    {},
  ],
  runs: [
    '{ runs { nodes { id state spec resultNotes damage metrics { name last min max mean } attempts { number outcome } provenance { code node rows { train } trainFile { sha256 } damage } } } }',
    {},
  ],
  metricHistory: [
    'query ($ids: [ID!]!, $names: [String!]!) { metricHistory(runIds: $ids, names: $names) { runId name points { step epoch value } totalPoints damage } }',
    { ids: allRuns, names },
  ],
  compare: [
    `{ compare(experimentIds: ["experiment"], metric: "test/accuracy", baseline: "scratch") { ... on Comparison {
      groups { name n mean values { runId value } }
      pairs { name mcNemar { p } bootstrap { rows } warnings { kind message } }
    } ... on Failure { problems { path message } } } }`,
    {},
  ],
  exportRuns: ['{ exportRuns(format: JSON_LINES) { content } }', {}],
  exportHistory: ['{ exportHistory(format: JSON_LINES, first: 10000) { content } }', {}],
};

async function askEverything(services: Services): Promise<Answers> {
  const answers: Answers = {};
  const request = async (document: string, variables: Record<string, unknown> = {}) => {
    const { data, errors } = await ask(services, document, variables, { log: (line) => logged.push(line) });
    if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
    return data;
  };
  for (const [name, [document, variables]] of Object.entries(queries))
    answers[name] = await request(document, variables);
  for (const [name, operation] of Object.entries(dashboard))
    if ('kind' in operation && textOf<unknown, never>(operation).startsWith('query'))
      answers[`page ${name}`] = await request(
        textOf<unknown, never>(operation),
        pageVariables[name] ?? { id: damagedRun, experimentId, first: 10, after: null },
      );
  const api: Api = {
    request: (operation, variables) => request(textOf(operation), variables as Record<string, unknown>),
    follow: async () => {
      throw new Error('a report follows nothing');
    },
    close: async () => {},
  };
  const wanted = { experiment: experimentId, at: { point: 'BEST_ON_DEV' as const }, allowDifferentData: false };
  const report = await fetchReport(api, wanted);
  answers.report = { ...report, settings: [...report.settings] };
  answers['report page'] = page(report, { command: 'npm run report', writtenAt: new Date(0) });
  for (const runId of allRuns) answers[`follow ${runId}`] = await eventsOf(followMetrics(services, runId, null));
  answers['follow runs'] = await eventsOf(followRuns(services, experimentId, null));
  Object.assign(answers, await downloadAll(services));
  return answers;
}

const pageVariables: Record<string, Record<string, unknown>> = {
  experiments: { filter: null, includeArchived: true, first: 10, after: null },
  experiment: { id: experimentId },
  parametersOfRuns: { ids: allRuns, first: 10 },
  metricsOfRuns: { ids: allRuns, first: 10 },
  metricHistory: { runIds: allRuns, names, maxPoints: 100 },
  compare: {
    ...{ experimentIds: [experimentId], metric: 'test/accuracy', at: { point: 'BEST_ON_DEV' }, baseline: null },
    ...{ pairs: 'ALL', allowDifferentData: false },
  },
};

async function eventsOf(following: Promise<AsyncIterable<unknown>>): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of await following) events.push(event);
  return events;
}

/** Every file of `/export`, as a client gets it. */
async function downloadAll(services: Services): Promise<Answers> {
  const app = express();
  const access = createAccess({ tokens: [], oidc: null });
  app.use(exportRoutes({ schema: await apiSchema(), services, access, introspection: true }));
  const server = app.listen(0, '127.0.0.1');
  const answers: Answers = {};
  try {
    await new Promise((resolve) => server.once('listening', resolve));
    for (const table of ['runs', 'history'])
      for (const format of ['csv', 'jsonl', 'parquet']) {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/export/${table}.${format}`;
        const response = await fetch(url);
        expect(response.status).toBe(200);
        const file = await response.arrayBuffer();
        answers[`${table}.${format}`] =
          format === 'parquet' ? await parquetReadObjects({ file }) : Buffer.from(file).toString();
      }
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  return answers;
}

/** Lines of the report about the one pair of the comparison, which is tested with predictions of the damaged run. */
const linesOfPair = ['kd −</span> <span>scratch', 'McNemar'];

/** An answer without its parts about the damaged run, and about the pair that this run is in. */
function ofSoundRuns(answer: unknown): unknown {
  if (typeof answer === 'string' && answer.includes('\n'))
    return answer
      .split(/\n|(?=<li>)|(?=<\/ul>)/)
      .filter((line) => ![damagedRun, ...linesOfPair].some((part) => line.includes(part)));
  if (Array.isArray(answer)) return answer.filter((item) => !isOfDamaged(item)).map(ofSoundRuns);
  if (typeof answer !== 'object' || answer === null) return answer;
  return Object.fromEntries(
    Object.entries(answer)
      // Those of the report do not say of which run they are; the query of runs has them as well.
      .filter(([name, value]) => !(name === 'provenance' && Array.isArray(value)) && name !== 'families')
      .map(([name, value]) => [name, isOfDamaged(value) ? null : ofSoundRuns(value)]),
  );
}

function isOfDamaged(item: unknown): boolean {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return false;
  const { id, runId, mcNemar } = item as Record<string, unknown>;
  // The one pair of the comparison is tested with predictions of the damaged run.
  return id === damagedRun || runId === damagedRun || mcNemar !== undefined;
}

const damages: Record<string, (body: Buffer) => Buffer | null> = {
  flipped: (body) => {
    const changed = Buffer.from(body);
    const place = Math.floor(changed.length / 2);
    if (place < changed.length) changed[place]! ^= 0x80;
    return changed;
  },
  cut: (body) => body.subarray(0, Math.floor(body.length * 0.6)),
  emptied: () => Buffer.alloc(0),
  deleted: () => null,
};

async function damageable(): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of keysUnder(storeIn('objects'), ''))
    if (!key.startsWith('runs/') || key.startsWith(`runs/${damagedRun}/`)) keys.push(key);
  // One of each kind: numbers tell objects of a kind apart.
  const kinds = new Map<string, string>();
  for (const key of keys.reverse()) kinds.set(key.replace(damagedRun, '').replace(/\d+/g, '#'), key);
  return [...kinds.values()];
}

/** Puts `damage` in the place of an object of a store in `name`, for as long as `work` takes. */
async function whileDamaged(
  name: string,
  key: string,
  damage: (body: Buffer) => Buffer | null,
  work: () => Promise<void>,
) {
  const path = join(folder, name, key);
  const body = readFileSync(path);
  const damaged = damage(body);
  if (damaged === null) rmSync(path);
  else writeFileSync(path, damaged);
  try {
    await work();
  } finally {
    writeFileSync(path, body);
  }
}

it('has a document for every query of the schema', async () => {
  const fields = Object.keys((await apiSchema()).getQueryType()!.getFields());
  expect(Object.keys(queries).sort()).toEqual(fields.sort());
});

it('leaves objects of every kind', async () => {
  expect(await damageable()).toEqual(
    expect.arrayContaining(
      ['spec.json', 'result.json', 'history.parquet', 'progress.json', 'cancelled.json'].map(
        (name) => `runs/${damagedRun}/${name}`,
      ),
    ),
  );
});

describe.each(Object.entries(damages))('an object of one run that is %s', (how, damage) => {
  it('changes no answer about another run, and is named where it changes one about its own', async () => {
    for (const key of await damageable())
      await whileDamaged('objects', key, damage, async () => {
        logged.length = 0;
        // A store of its own: what was read of the sound object is remembered by store.
        const answers = await askEverything({ ...services, objects: storeIn('objects') });
        expect({ key, ...(ofSoundRuns(answers) as object) }).toEqual({ key, ...(ofSoundRuns(baseline) as object) });
        const differing = Object.keys(baseline).filter(
          (name) => JSON.stringify(answers[name]) !== JSON.stringify(baseline[name]),
        );
        const unnamed = differing.filter(
          (name) => !JSON.stringify(answers[name]).includes(key) && !name.startsWith('follow'),
        );
        expect({ how, key, unnamed }).toEqual({ how, key, unnamed: [] });
        // Once in the log, however many requests met it.
        expect(logged.filter((line) => line.includes(`${key} is damaged`)).length).toBeLessThanOrEqual(1);
        // Runs without stored predictions are usual: answers name the missing file, and the log does not.
        const isUsual = how === 'deleted' && key.includes('/predictions/');
        // The one chunk of an attempt leaves no gap in its numbers (docs/promises.md).
        const isUnseen = how === 'deleted' && key.includes('/metrics/');
        if (differing.length > 0 && !isUsual && !isUnseen) expect(logged.join('\n')).toContain(key);
      });
  }, 120_000);

  it('is left out by a reindex, which names it and takes in all else', async () => {
    cpSync(join(folder, 'objects'), join(folder, 'copy'), { recursive: true });
    for (const key of await damageable())
      await whileDamaged('copy', key, damage, async () => {
        const rebuilt = await openServices('copy');
        try {
          const { problems } = await reindex(rebuilt);
          const runsOf = async ({ database }: Services) => {
            const runs = await database
              .selectFrom('run')
              .selectAll()
              .where('id', '!=', damagedRun)
              .orderBy('id')
              .execute();
            return runs.map(({ updated_at, revision, created_at, position, ...run }) => run);
          };
          const metricsOf = ({ database }: Services) =>
            database
              .selectFrom('summary_metric')
              .selectAll()
              .where('run_id', '!=', damagedRun)
              .orderBy('run_id')
              .orderBy('name')
              .execute();
          expect(await runsOf(rebuilt)).toEqual(await runsOf(services));
          expect(await metricsOf(rebuilt)).toEqual(await metricsOf(services));
          const own = (of: Services) =>
            of.database
              .selectFrom('summary_metric')
              .selectAll()
              .where('run_id', '=', damagedRun)
              .orderBy('name')
              .execute();
          const isWhole = JSON.stringify(await own(rebuilt)) === JSON.stringify(await own(services));
          expect({ how, key, told: isWhole || problems.join('\n').includes(key) }).toEqual({ how, key, told: true });
        } finally {
          await rebuilt.database.destroy();
        }
      });
  }, 120_000);
});
