import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Service, startService } from '../../api/process/service';
import { readOptions } from '../../export/options';
import { insertExperiment, insertRun } from '../testkit/api-services';
import { serviceSettings } from '../testkit/service-settings';
import { useTestFolder } from '../testkit/test-folder';
import { stepRecord, writeAttempt, writeChunk } from '../testkit/written-run';

let service: Service;
afterEach(() => service.close());
const folder = useTestFolder();
const token = 'a-token-of-some-length';
beforeEach(async () => {
  const tokens = [{ name: 'ann', role: 'viewer' as const, token }];
  const outcome = await startService(serviceSettings(folder.path(), { tokens }), () => {});
  if (outcome.kind === 'refused') throw new Error(outcome.message);
  service = outcome.service;
  // Not launched, so that nothing becomes of its runs.
  await insertExperiment(service.services, { state: 'draft' });
  for (const id of ['r-a', 'r-b']) {
    await insertRun(service.services, id);
    await writeAttempt(service.services.objects, id, 1, null);
    for (let sequence = 0; sequence < 3; sequence++) {
      const records = Array.from({ length: 2500 }, (_, i) => stepRecord(sequence * 2500 + i + 1, { a: i / 3, b: -i }));
      await writeChunk(service.services.objects, id, 1, sequence, records);
    }
  }
});

async function run(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const all = ['--import', 'tsx', 'export/export.ts', '--server', service.address, '--token', token, ...words];
  return promisify(execFile)(process.execPath, all, { cwd: join(__dirname, '../..') }).then(
    (output) => ({ code: 0, ...output }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

describe('npm run export', () => {
  it('writes a whole history as it is streamed, page by page', async () => {
    const output = join(folder.path(), 'history.csv');
    expect(await run('history', '--output', output)).toMatchObject({ code: 0, stdout: `30000 rows in ${output}\n` });
    const whole = await fetch(`${service.address}/export/history.csv`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(readFileSync(output, 'utf8')).toBe(await whole.text());
    expect(existsSync(`${output}.cursor`)).toBe(false);
  });

  it('goes on where it broke off, whatever was half written', async () => {
    const output = join(folder.path(), 'history.jsonl');
    await run('history', '--output', output);
    const whole = readFileSync(output, 'utf8');
    const page = await firstPage();
    writeFileSync(output, `${page.content}{"runId":"r-a","half`);
    writeFileSync(
      `${output}.cursor`,
      JSON.stringify({
        request: JSON.stringify({ table: 'history', filter: null, metrics: null, server: service.address }),
        after: page.endCursor,
        rows: 100,
        sizeBytes: page.content.length,
      }),
    );

    expect(await run('history', '--output', output)).toMatchObject({ code: 0, stdout: `30000 rows in ${output}\n` });
    expect(readFileSync(output, 'utf8')).toBe(whole);
  });

  it('writes a Parquet file of the runs that pass a filter', async () => {
    const output = join(folder.path(), 'runs.parquet');
    expect(await run('runs', '--output', output, '--filter', '{"id":{"eq":"r-b"}}')).toMatchObject({ code: 0 });
    const { parquetReadObjects } = await import('hyparquet');
    const rows = await parquetReadObjects({ file: Uint8Array.from(readFileSync(output)).buffer });
    expect(rows).toMatchObject([{ id: 'r-b', state: 'PENDING', 'parameters.alpha': null }]);
    expect(statSync(output).size).toBeLessThan(100_000);
  });

  it('says what is wrong: a filter, another export in the way, a folder that is not there', async () => {
    const output = join(folder.path(), 'runs.csv');
    expect(await run('runs', '--output', output, '--filter', '{"sed":{"eq":1}}')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"sed"'),
    });
    writeFileSync(`${output}.cursor`, '{"request":"another"}');
    expect((await run('runs', '--output', output)).stderr).toContain('is of another export');
    expect((await run('runs', '--output', join(folder.path(), 'no/folder.csv'))).stderr).toContain('no such file');
  });

  it('leaves an earlier file as it is where no server answers, and says which does not', async () => {
    for (const name of ['runs.csv', 'runs.parquet']) {
      const output = join(folder.path(), name);
      writeFileSync(output, 'of yesterday');
      const { code, stderr } = await run('runs', '--output', output, '--server', 'http://127.0.0.1:9');
      expect({ code, stderr, kept: readFileSync(output, 'utf8') }).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^http:\/\/127\.0\.0\.1:9 does not answer .*: start a server there/),
        kept: 'of yesterday',
      });
    }
  });
});

async function firstPage(): Promise<{ content: string; endCursor: string }> {
  const response = await fetch(`${service.address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: '{ exportHistory(format: JSON_LINES, first: 100) { content endCursor } }' }),
  });
  const { data } = (await response.json()) as { data: { exportHistory: { content: string; endCursor: string } } };
  return data.exportHistory;
}

test('everything wrong with the command line is said at once', () => {
  const read = readOptions(['models', '--output', 'runs.xlsx', '--filter', '{', '--server', 'localhost:4000']);
  const text = read.kind === 'help' ? read.text : '';
  for (const line of [
    /table: must be runs or history; given "models"/,
    /--output: must end in/,
    /--filter: is no JSON/,
    /--server: must be the address of a server, as in http:.*; given "localhost:4000"/,
  ])
    expect(text).toMatch(line);
});
