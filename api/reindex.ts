import { existsSync, renameSync } from 'node:fs';
import { directoryObjectStore } from '../contract/objects/directory';
import { dataPaths, lockDataDirectory } from './data-directory';
import { openSqlite } from './database/sqlite';
import { readSettings } from './env';
import { reindex } from './reindex.service';
import { createRunChanges } from './subscriptions/run-changes';

/** `npm run reindex -- --data DIR`: builds the records anew from the objects; the old ones are kept beside them. */
async function main(): Promise<void> {
  const settings = readSettings(process.env, process.argv.slice(2));
  if (settings.kind === 'invalid') {
    for (const { path, message } of settings.problems) console.error(`${path}: ${message}`);
    process.exitCode = 2;
    return;
  }
  const { dataDirectory } = settings.value;
  const lock = lockDataDirectory(dataDirectory);
  if (lock.kind === 'taken') {
    console.error(`${lock.message}: stop it first`);
    process.exitCode = 1;
    return;
  }
  const paths = dataPaths(dataDirectory);
  const kept = keepOldRecords(paths.records);
  const database = await openSqlite(paths.records);
  const services = {
    database,
    objects: directoryObjectStore(paths.objects),
    changes: createRunChanges(),
    wake: () => {},
  };
  const { experiments, runs, problems } = await reindex(services);
  await database.destroy();
  lock.release();
  for (const problem of problems) console.error(problem);
  console.log(`${experiments} experiments with ${runs} runs from ${paths.objects}`);
  if (kept !== null) console.log(`the old records, with notes and later tags, are in ${kept}`);
}

/** Moves records with their write-ahead log out of the way. */
function keepOldRecords(path: string): string | null {
  if (!existsSync(path)) return null;
  const kept = `${path}.before-${new Date().toISOString().replaceAll(':', '-')}`;
  for (const suffix of ['-wal', '-shm', '']) if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix);
  return kept;
}

void main();
