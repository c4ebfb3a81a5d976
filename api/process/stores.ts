import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { conditionProbeKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { ObjectStoreError } from '../../contract/objects/object-store-error';
import { openObjects } from '../../contract/objects/open-objects';
import type { Database } from '../database/database';
import { openRecords } from '../database/records';
import { dataPaths } from '../shared/data-directory';
import { claimObjects } from '../team/claim-objects';
import { alone, joinTeam, type Team, type TeamEvents } from '../team/team';
import type { Settings } from './env';

/** Records and objects of a server, and its place among those that share them. */
export interface Stores {
  kind: 'opened';
  database: Database;
  objects: ObjectStore;
  team: Team;
  close(): Promise<void>;
}

/** Opens what the settings name, and tries it. `refused`: why it cannot be used, for a person. */
export async function openStores(
  settings: Settings,
  events: TeamEvents,
): Promise<Stores | { kind: 'refused'; message: string }> {
  const { databaseUrl, objectsLocation, s3 } = settings;
  const objects = await openObjects(objectsLocation, s3);
  const unusable = await tryObjects(objects, objectsLocation);
  if (unusable !== null) return { kind: 'refused', message: unusable };
  const records = await openRecords(settings);
  if (records.kind === 'refused') return records;
  const { database } = records;
  const refusal = await claimObjects({ database, objects }, objectsLocation);
  if (refusal !== null) {
    await database.destroy();
    return { kind: 'refused', message: refusal };
  }
  // A SQLite file is that of one server, by the lock on its directory; a database may be that of several.
  const joined =
    databaseUrl === null
      ? { kind: 'joined' as const, team: alone }
      : await joinTeam(database, memberOf(settings), events);
  if (joined.kind === 'refused') {
    await database.destroy();
    return joined;
  }
  const { team } = joined;
  const close = async () => {
    await team.leave().catch((error: Error) => events.log(`leaving the other servers failed: ${error.message}`));
    await database.destroy();
  };
  return { kind: 'opened', database, objects, team, close };
}

/** null where the folder or bucket is there, may be written, and keeps the conditions of writes; else what is wrong. */
async function tryObjects(objects: ObjectStore, location: string): Promise<string | null> {
  try {
    await objects.write(conditionProbeKey, '', { if: 'absent' });
    const second = await objects.write(conditionProbeKey, '', { if: 'absent' });
    if (second.kind === 'conflict') return null;
    return `the storage of ${location} ignores the condition If-None-Match of a write: use one that keeps it`;
  } catch (error) {
    if (error instanceof ObjectStoreError) return error.message;
    throw error;
  }
}

function memberOf({ dataDirectory, objectsLocation, leaseMilliseconds, stopMilliseconds }: Settings) {
  const host = hostname();
  // With the name of its host, for a data directory that was copied to another.
  const id = `${host}/${ownId(dataPaths(dataDirectory).serverId)}`;
  return { id, host, objects: objectsLocation, leaseMilliseconds, stopMilliseconds };
}

function ownId(path: string): string {
  if (!existsSync(path)) writeFileSync(path, randomUUID());
  return readFileSync(path, 'utf8');
}
