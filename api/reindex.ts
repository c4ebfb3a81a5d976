import { existsSync, renameSync } from 'node:fs';
import { isS3Location, openObjects } from '../contract/objects/open-objects';
import { dataPaths, lockDataDirectory } from './data-directory';
import { openSqlite } from './database/sqlite';
import { readSettings } from './env';
import { reindex } from './reindex.service';
import { createRunChanges } from './subscriptions/run-changes';

const help = `Builds the records of a data directory anew from its objects; the old ones are kept beside them.

  npm run reindex [-- --data DIR]

  --data DIR   the data directory (STILLHOUSE_DATA; default ./data); no server may be at work on it
  --help       this text

Drafts, notes, tags given later, archiving and request ids stand in the records alone: the old ones have them.
`;

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (words.includes('--help')) return console.log(help);
  const settings = readSettings(process.env, words);
  if (settings.kind === 'invalid') {
    for (const { path, message } of settings.problems) console.error(`${path}: ${message}`);
    process.exitCode = 2;
    return;
  }
  const { dataDirectory, objectsLocation, s3 } = settings.value;
  const paths = dataPaths(dataDirectory);
  if (!isS3Location(objectsLocation) && !existsSync(objectsLocation))
    return refuse(`${objectsLocation} does not exist: give a data directory by --data`);
  const lock = lockDataDirectory(dataDirectory);
  if (lock.kind === 'refused') return refuse(lock.message);
  const kept = keepOldRecords(paths.records);
  const database = await openSqlite(paths.records);
  const services = {
    database,
    objects: await openObjects(objectsLocation, s3),
    changes: createRunChanges(),
    wake: () => {},
  };
  const { experiments, runs, problems } = await reindex(services);
  await database.destroy();
  lock.release();
  for (const problem of problems) console.error(problem);
  console.log(`${experiments} experiments with ${runs} runs from ${objectsLocation}`);
  if (kept !== null) console.log(`the old records, with notes and later tags, are in ${kept}`);
}

function refuse(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

/** Moves records with their write-ahead log out of the way. */
function keepOldRecords(path: string): string | null {
  if (!existsSync(path)) return null;
  const kept = `${path}.before-${new Date().toISOString().replaceAll(':', '-')}`;
  for (const suffix of ['-wal', '-shm', '']) if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix);
  return kept;
}

void main();
