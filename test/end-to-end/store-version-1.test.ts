import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import { variantGroupId } from '../../api/definition/variant-group';
import { specOfRecord } from '../../contract/run-spec';
import { request, startServerProcess } from '../testkit/server-process';
import { comparisonQuery, outcomesOf, type StoredExpectations, unpackStore } from '../testkit/stored-version';

let folder: string;
let expected: StoredExpectations;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
  expected = unpackStore('store-version-1', folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const repository = join(__dirname, '../..');
const command = (script: string, ...words: string[]) =>
  execFileSync(process.execPath, ['--import', 'tsx', script, ...words], { cwd: repository, encoding: 'utf8' });

describe('objects and a SQLite database recorded with version 1 of the run spec', () => {
  it('are compared and reported as that version did, and its interrupted run is finished with the same bits', async () => {
    const server = await startServerProcess(join(folder, 'data'), { slots: '0' });
    try {
      const { compare } = await request<{ compare: object }>(server.address, comparisonQuery, {
        ids: [expected.experimentId],
      });
      expect(compare).toEqual(expected.compare);
    } finally {
      await server.end('SIGTERM');
    }
    const report = join(folder, 'report.html');
    command('report/report.ts', expected.experimentId, '--data-directory', join(folder, 'data'), '--output', report);
    expect(existsSync(report)).toBe(true);

    await finishAll();
    const outcomes = outcomesOf(join(folder, 'data/objects/runs'));
    // The configuration of a model lists all hyper-parameters of its run, those of later versions as well.
    for (const runs of [outcomes, expected.runs]) delete runs[expected.halfDone]!.files['model/config.json'];
    expect(outcomes).toEqual(expected.runs);
  }, 180_000);

  it('are compared in the same way by records that are made anew from the objects', async () => {
    expect(command('api/process/reindex.ts', '--data', join(folder, 'data'))).toContain('1 experiments with 7 runs');
    const server = await startServerProcess(join(folder, 'data'), { slots: '0' });
    try {
      const { compare } = await request<{ compare: object }>(server.address, comparisonQuery, {
        ids: [expected.experimentId],
      });
      expect(compare).toEqual(expected.compare);
    } finally {
      await server.end('SIGTERM');
    }
  }, 180_000);
});

it('the variant groups of runs recorded with version 1 keep their ids', () => {
  const database = new Database(join(folder, 'data/records.sqlite'));
  const runs = database.prepare('SELECT spec, group_id FROM run').all() as { spec: string; group_id: string }[];
  database.close();
  expect(runs).toHaveLength(7);
  for (const { spec, group_id } of runs)
    expect(variantGroupId(specOfRecord(spec.replaceAll(folder, expected.folder)))).toBe(group_id);
});

async function finishAll(): Promise<void> {
  const server = await startServerProcess(join(folder, 'data'), { slots: '1' });
  try {
    for (;;) {
      const { runs } = await request<{ runs: { nodes: { state: string; failure: object | null }[] } }>(
        server.address,
        '{ runs(first: 50) { nodes { state failure { message } } } }',
      );
      const failed = runs.nodes.find(({ failure }) => failure !== null);
      if (failed !== undefined) throw new Error(JSON.stringify(failed));
      if (runs.nodes.every(({ state }) => state === 'SUCCEEDED')) return;
      await sleep(100);
    }
  } finally {
    await server.end('SIGTERM');
  }
}
