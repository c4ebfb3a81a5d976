import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Database from 'libsql';

/** What the version that recorded a fixture knew of it. */
export interface StoredExpectations {
  /** Where it had its files. */
  folder: string;
  experimentId: string;
  /** The run that was interrupted. */
  halfDone: string;
  /** Its answer to `comparisonQuery`, before that run was finished. */
  compare: { groups: { name: string; n: number; mean: number | null }[] };
  /** What each run came to once all were finished; `files`: hashes of model and predictions. */
  runs: Record<string, { selectedEpoch: number; testLoss: number; files: Record<string, string> }>;
}

export const comparisonQuery = `query ($ids: [ID!]!) {
  compare(experimentIds: $ids, metric: "test/accuracy", at: { point: FINAL }) {
    ... on Comparison { groups { name n mean } }
  }
}`;

/**
 * Writes the data files and the data directory (`data`) of a fixture of `test/fixtures/record-store.ts` into a folder, which
 * takes the place of the one they were recorded in.
 */
export function unpackStore(name: string, folder: string): StoredExpectations {
  const packed = readFileSync(join(__dirname, '../fixtures', `${name}.json.gz`));
  const { expected, files } = JSON.parse(gunzipSync(packed).toString()) as {
    expected: StoredExpectations;
    files: Record<string, string>;
  };
  for (const [path, body] of Object.entries(files)) {
    const bytes = Buffer.from(body, 'base64');
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    const isText = path.endsWith('.json');
    writeFileSync(join(folder, path), isText ? bytes.toString().replaceAll(expected.folder, folder) : bytes);
  }
  const database = new Database(join(folder, 'data/records.sqlite'));
  for (const [table, column] of [
    ['run', 'spec'],
    ['experiment', 'definition'],
  ])
    database.exec(`UPDATE ${table} SET ${column} = replace(${column}, '${expected.folder}', '${folder}')`);
  database.close();
  return expected;
}

/** What each run came to: its scores, and the hashes of model and predictions. */
export function outcomesOf(runs: string): StoredExpectations['runs'] {
  const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  return Object.fromEntries(
    readdirSync(runs).map((runId) => {
      const { selected, final } = JSON.parse(readFileSync(join(runs, runId, 'result.json'), 'utf8'));
      const hashes = ['model', 'predictions'].flatMap((part) =>
        readdirSync(join(runs, runId, part), { recursive: true })
          .map((path) => join(part, String(path)))
          .filter((path) => statSync(join(runs, runId, path)).isFile())
          .map((path) => [path, hash(join(runs, runId, path))]),
      );
      return [
        runId,
        { selectedEpoch: selected.epoch, testLoss: final.values['test/loss'], files: Object.fromEntries(hashes) },
      ];
    }),
  );
}
