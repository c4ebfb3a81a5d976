import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { openPostgres } from '../../api/database/postgres';
import { openSqlite } from '../../api/database/sqlite';
import type { Tables } from '../../api/database/tables';
import { countRuns } from '../../api/runs/run-search.store';
import { createRunChanges } from '../../api/subscriptions/run-changes';
import { directoryObjectStore } from '../../contract/objects/directory';
import { measureComparisons } from './compare';
import { measureHistories } from './histories';
import { settle, storeManyRuns } from './many-runs';
import { measureSearches, searches } from './search';
import { report } from './stopwatch';

const searchCount = 300;

/**
 * Prints what reading many runs takes, on SQLite and on PostgreSQL where one is given.
 * @param kept folder of the records, for another time; without it they are made anew and removed
 */
export async function measureRecords(
  runCount: number,
  databaseUrl: string | undefined,
  kept: string | undefined,
): Promise<void> {
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  await measureEngine('SQLite', await openSqlite(join(folder, 'records.sqlite')), folder, runCount);
  if (databaseUrl === undefined) console.log('PostgreSQL is not measured: no --database-url of an empty database');
  else {
    const records = await openPostgres(databaseUrl, { connections: 1, migrate: true });
    if (records.kind === 'refused') throw new Error(records.message);
    await measureEngine('PostgreSQL', records.database, folder, runCount);
  }
  if (kept === undefined) rmSync(folder, { recursive: true });
}

async function measureEngine(engine: string, database: Kysely<Tables>, folder: string, runCount: number) {
  const stored = await countRuns(database, {});
  if (stored === 0) await storeManyRuns(database, runCount);
  if (engine === 'PostgreSQL') await settle(database);
  const objects = directoryObjectStore(join(folder, 'objects'));
  const services = { database, objects, changes: createRunChanges(), wake: () => {} };
  console.log(`\n${engine}, ${stored || runCount} runs, milliseconds`);
  report('a page of 100, best or newest first', await measureSearches(services, searches('best', searchCount)));
  report('a page of 100, order against the filter', await measureSearches(services, searches('worst', searchCount)));
  report('a page of 100, by min, max or mean', await measureSearches(services, searches('other', searchCount)));
  await measureComparisons(services);
  await measureHistories(services);
  await database.destroy();
}
