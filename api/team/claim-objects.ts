import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { experimentsPrefix, recordsKey } from '../../contract/keys';
import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import { readStored } from '../../contract/objects/stored-json';
import type { Services } from '../context/context';
import { findIdentity, giveIdentity, hasRecords } from './identity.store';

/** Written among the objects: which records are of them. */
const claimSchema = z.strictObject({ version: z.literal(1), id: z.string(), at: z.iso.datetime() });

type Stores = Pick<Services, 'database' | 'objects'>;

/**
 * Sees that objects and records belong together, by an id that both hold: two servers with records of their own on the
 * same objects would each carry out what it takes for its runs. Objects that no records have claimed become those of
 * these records; of two servers that claim them at once one does. Servers that share their records share the id.
 *
 * @param mayClaim false where this process may not write that object: what nobody has claimed is then left so
 * @returns null where they do; else why this server cannot work on them, and what to do
 */
export async function claimObjects(
  { database, objects }: Stores,
  location: string,
  mayClaim = true,
): Promise<string | null> {
  const stored = await readClaim(objects);
  if (stored instanceof DamagedObjectError) return `${stored.message}. ${deleteClaim}`;
  const own = await findIdentity(database);
  if (stored !== null) return stored.id === own ? null : refusal(await hasRecords(database), location, stored.at);
  if (own === null && !(await hasRecords(database)) && (await hasExperiments(objects)))
    return `the records are empty, but there are experiments in ${location}: ${reindexFirst}`;
  if (!mayClaim) return null;
  const id = own ?? (await giveIdentity(database, randomUUID()));
  const claim = claimText(id);
  if ((await objects.write(recordsKey, claim, { if: 'absent' })).kind === 'written') return null;
  const winner = await readClaim(objects);
  return winner === null || winner instanceof DamagedObjectError || winner.id === id
    ? null
    : refusal(await hasRecords(database), location, winner.at);
}

/** Makes the objects those of these records, whosever they were: for records that were built anew from the objects. */
export async function takeOverObjects({ database, objects }: Stores): Promise<void> {
  await objects.write(recordsKey, claimText(await giveIdentity(database, randomUUID())));
}

const readClaim = (objects: Stores['objects']) => orDamage(readStored(objects, recordsKey, claimSchema));

const claimText = (id: string): string =>
  `${JSON.stringify({ version: 1, id, at: new Date().toISOString() } satisfies z.output<typeof claimSchema>)}\n`;

/** Trainers alone leave runs, but an experiment is written by a server that had records. */
const hasExperiments = async (objects: Stores['objects']): Promise<boolean> =>
  (await objects.list(experimentsPrefix, { limit: 1 })).objects.length > 0;

const reindexFirst = 'if their records are lost, npm run reindex with the options of this server makes them anew';
const deleteClaim = `If no other server works on these objects, delete ${recordsKey} there: the next one to start takes them.`;

function refusal(hasOwn: boolean, location: string, at: string): string {
  const whose = `the objects in ${location} belong to other records since ${at}: give this server those records (--data or --database-url), or other objects (--objects)`;
  return hasOwn ? `${whose}. ${deleteClaim}` : `${whose}; ${reindexFirst}`;
}
