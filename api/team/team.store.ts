import type { Kysely, Transaction } from 'kysely';
import type { ServerTable, Tables } from '../database/tables';

/** A server begins, or begins again. */
export async function registerServer(database: Kysely<Tables>, server: Omit<ServerTable, 'beat'>): Promise<void> {
  await database
    .insertInto('server')
    .values({ ...server, beat: 1 })
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((row) => ({ ...server, beat: row('server.beat', '+', 1) })),
    )
    .execute();
}

/** A sign of life. False where the server is not there any more: others took it for dead. */
export async function beat(database: Kysely<Tables>, id: string): Promise<boolean> {
  const { numUpdatedRows } = await database
    .updateTable('server')
    .set((column) => ({ beat: column('beat', '+', 1) }))
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export function findServers(database: Kysely<Tables>): Promise<ServerTable[]> {
  return database.selectFrom('server').selectAll().execute();
}

/** @param beat only where it gave no sign of life since this one */
export async function removeServer(database: Kysely<Tables>, id: string, beat?: number): Promise<boolean> {
  let query = database.deleteFrom('server').where('id', '=', id);
  if (beat !== undefined) query = query.where('beat', '=', beat);
  return (await query.executeTakeFirst()).numDeletedRows === 1n;
}

/** The runs under way whose newest attempt is carried out by a server that is there and is not this one. */
export async function findRunsOfOthers(database: Kysely<Tables>, serverId: string): Promise<string[]> {
  const rows = await database
    .selectFrom('run')
    .innerJoin('attempt_server', (join) =>
      join.onRef('attempt_server.run_id', '=', 'run.id').onRef('attempt_server.number', '=', 'run.attempt'),
    )
    .innerJoin('server', 'server.id', 'attempt_server.server_id')
    .select('run.id')
    .where('run.state', 'in', ['SUBMITTED', 'STARTING', 'RUNNING'])
    .where('server.id', '!=', serverId)
    .execute();
  return rows.map(({ id }) => id);
}

/** Which server carries out an attempt: written with its claim. An attempt that died without a trace leaves its number. */
export async function recordServer(
  transaction: Transaction<Tables>,
  runId: string,
  number: number,
  serverId: string,
): Promise<void> {
  await transaction
    .insertInto('attempt_server')
    .values({ run_id: runId, number, server_id: serverId })
    .onConflict((conflict) => conflict.columns(['run_id', 'number']).doUpdateSet({ server_id: serverId }))
    .execute();
}
