import { existsSync, renameSync } from 'node:fs';
import { isS3Location, openObjects } from '../../contract/objects/open-objects';
import { openRecords } from '../database/records';
import { dataPaths, lockDataDirectory } from '../shared/data-directory';
import { createRunChanges } from '../subscriptions/run-changes';
import { takeOverObjects } from '../team/claim-objects';
import { hasRecords } from '../team/identity.store';
import { readSettings, type Settings } from './env';
import { reindex } from './reindex.service';

const help = `Builds the records anew from the objects: a SQLite file of a data directory, beside which the old one is kept, or an
empty PostgreSQL or Aurora DSQL database, which a server may then be given in place of its own. The objects belong to the
new records from then on: a server with the old ones is refused.

  npm run reindex [-- --data DIR] [--database-url URL] [--objects PLACE]

  --data DIR            the data directory (STILLHOUSE_DATA; default ./data); no server may be at work on it
  --database-url URL    the database, empty (DATABASE_URL; default: the SQLite file of the data directory)
  --objects PLACE       a folder or s3://bucket (STILLHOUSE_OBJECTS; default: in the data directory)
  --help                this text

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
  const { dataDirectory, objectsLocation } = settings.value;
  if (!isS3Location(objectsLocation) && !existsSync(objectsLocation))
    return refuse(`${objectsLocation} does not exist: give a data directory by --data, or a folder by --objects`);
  const lock = lockDataDirectory(dataDirectory);
  if (lock.kind === 'refused') return refuse(lock.message);
  try {
    await rebuild(settings.value);
  } finally {
    lock.release();
  }
}

async function rebuild(settings: Settings): Promise<void> {
  const { databaseUrl, dataDirectory, objectsLocation, s3 } = settings;
  const kept = databaseUrl === null ? keepOldRecords(dataPaths(dataDirectory).records) : null;
  const opened = await openRecords(settings);
  if (opened.kind === 'refused') return refuse(opened.message);
  const { database } = opened;
  try {
    if (await hasRecords(database))
      return refuse(
        'the database has experiments or runs already: give an empty one by --database-url or DATABASE_URL',
      );
    const objects = await openObjects(objectsLocation, s3);
    const services = { database, objects, changes: createRunChanges(), wake: () => {} };
    const { experiments, runs, problems } = await reindex(services);
    await takeOverObjects(services);
    for (const problem of problems) console.error(problem);
    console.log(`${experiments} experiments with ${runs} runs from ${objectsLocation}`);
    if (kept !== null) console.log(`the old records, with notes and later tags, are in ${kept}`);
  } finally {
    await database.destroy();
  }
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
