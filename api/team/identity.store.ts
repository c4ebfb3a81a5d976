import type { Kysely } from 'kysely';
import type { Tables } from '../database/tables';

/** The id of these records; null before they got one. */
export async function findIdentity(database: Kysely<Tables>): Promise<string | null> {
  const row = await database.selectFrom('records_owner').select('id').executeTakeFirst();
  return row?.id ?? null;
}

/** Gives the records an id where they have none. @returns the one they have, which another server may just have given */
export async function giveIdentity(database: Kysely<Tables>, id: string): Promise<string> {
  await database
    .insertInto('records_owner')
    .values({ name: 'records', id, created_at: new Date().toISOString() })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
  return (await findIdentity(database))!;
}

/** Whether there is any experiment or run. */
export async function hasRecords(database: Kysely<Tables>): Promise<boolean> {
  for (const table of ['experiment', 'run'] as const)
    if ((await database.selectFrom(table).select('id').limit(1).execute()).length > 0) return true;
  return false;
}
