import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openPostgres } from '../../../api/database/postgres';
import { createExperiment } from '../../../api/experiments/experiment.service';
import { findExperiment } from '../../../api/experiments/experiment.store';
import { writeExperimentRecord } from '../../../api/experiments/experiment-record';
import { dataPaths } from '../../../api/shared/data-directory';
import { useTestServices } from '../../testkit/api-services';
import { onServer, urlOf } from '../../testkit/records';

const services = useTestServices();
const databases: string[] = [];
afterEach(() => onServer(databases.splice(0).map((name) => `drop database "${name}" with (force)`)));

async function emptyDatabase(): Promise<string> {
  const name = `stillhouse_reindex_${randomBytes(6).toString('hex')}`;
  await onServer([`create database "${name}"`]);
  databases.push(name);
  return urlOf(name);
}

/** `npm run reindex` on the folder of the test, as a process of its own. */
async function reindex(url: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const words = ['--import', 'tsx', 'api/process/reindex.ts', '--data', services().folder];
  const options = { cwd: join(__dirname, '../../..'), env: { ...process.env, DATABASE_URL: url } };
  return promisify(execFile)(process.execPath, words, options).then(
    (written) => ({ code: 0, ...written }),
    (error) => error,
  );
}

/** A launched experiment of three runs, with its definition among the objects. */
async function launchedExperiment(): Promise<string> {
  const definition = {
    name: 'To be rebuilt',
    question: '',
    data: { train: '/nowhere/train.csv', test: '/nowhere/test.csv' },
    variants: [{ name: 'scratch', method: 'scratch', parameters: {} }],
    seeds: [0, 1, 2],
  };
  const created = await createExperiment(services(), definition, { clientRequestId: null, launch: true });
  if (!('experiment' in created)) throw new Error(JSON.stringify(created));
  const { id } = created.experiment;
  await writeExperimentRecord(services().objects, (await findExperiment(services().database, id))!);
  return id;
}

it('npm run reindex fills the database of DATABASE_URL, and never one that has something in it', async () => {
  const id = await launchedExperiment();
  const url = await emptyDatabase();
  expect(await reindex(url)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^1 experiments with 3 runs from /),
  });
  const opened = await openPostgres(url, { connections: 1, migrate: false });
  if (opened.kind === 'refused') throw new Error(opened.message);
  const runs = await opened.database.selectFrom('run').select(['experiment_id', 'state']).execute();
  expect(runs).toEqual(Array(3).fill({ experiment_id: id, state: 'PENDING' }));
  expect(existsSync(dataPaths(services().folder).records)).toBe(false);

  expect(await reindex(url)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('has experiments or runs already: give an empty one'),
  });
  expect(await opened.database.selectFrom('run').select('id').execute()).toHaveLength(3);
  await opened.database.destroy();
});

it('says that no server answers', async () => {
  await launchedExperiment();
  const { code, stderr } = await reindex('postgres://nobody@127.0.0.1:9/nothing');
  expect(code).toBe(1);
  expect(stderr).toContain('127.0.0.1');
  expect(stderr).not.toMatch(/\n\s+at /);
});
