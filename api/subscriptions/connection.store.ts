import type { Kysely } from 'kysely';
import type { ConnectionOperationTable, ConnectionTable, Tables } from '../database/tables';
import { inTransaction } from '../database/transaction';
import { inParts } from '../in-parts';

type Database = Kysely<Tables>;

/** Aurora DSQL changes at most 3,000 rows in a transaction. */
const idsPerStatement = 500;

export const operationId = (connectionId: string, clientId: string): string => `${connectionId}#${clientId}`;

/** Notes who a connection is; false where it was acknowledged before, and then changes nothing. */
export async function noteConnection(database: Database, connection: ConnectionTable): Promise<boolean> {
  const { id: _, ...columns } = connection;
  const written = await inTransaction(database, (transaction) =>
    transaction
      .insertInto('connection')
      .values(connection)
      .onConflict((conflict) => conflict.column('id').doUpdateSet(columns).where('connection.acknowledged', '=', 0))
      .executeTakeFirstOrThrow(),
  );
  return written.numInsertedOrUpdatedRows === 1n;
}

export function findConnection(database: Database, id: string): Promise<ConnectionTable | undefined> {
  return database.selectFrom('connection').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Operations first: one whose connection is not known would be nobody's. */
export async function deleteConnections(database: Database, ids: readonly string[]): Promise<void> {
  for (const part of inParts(ids, idsPerStatement)) {
    // Two transactions: a connection may have a hundred operations, and neither is wrong without the other.
    await inTransaction(database, (transaction) =>
      transaction.deleteFrom('connection_operation').where('connection_id', 'in', part).execute(),
    );
    await inTransaction(database, (transaction) =>
      transaction.deleteFrom('connection').where('id', 'in', part).execute(),
    );
  }
}

export async function findExpiredConnections(database: Database, now: Date, limit: number): Promise<string[]> {
  const rows = await database
    .selectFrom('connection')
    .select('id')
    .where('expires_at', '<=', now.toISOString())
    .orderBy('expires_at')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export async function countOperations(database: Database, connectionId: string): Promise<number> {
  const { count } = await database
    .selectFrom('connection_operation')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('connection_id', '=', connectionId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** false where the connection has one of that name. */
export async function insertOperation(database: Database, operation: ConnectionOperationTable): Promise<boolean> {
  const inserted = await inTransaction(database, (transaction) =>
    transaction
      .insertInto('connection_operation')
      .values(operation)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .executeTakeFirstOrThrow(),
  );
  return inserted.numInsertedOrUpdatedRows === 1n;
}

export async function deleteOperations(database: Database, ids: readonly string[]): Promise<void> {
  for (const part of inParts(ids, idsPerStatement))
    await inTransaction(database, (transaction) =>
      transaction.deleteFrom('connection_operation').where('id', 'in', part).execute(),
    );
}

/** An operation with who asked for it. */
export type StoredOperation = ConnectionOperationTable & Pick<ConnectionTable, 'viewer_name' | 'viewer_role'>;

/** Operations on the topics, and those named themselves, of connections that have not expired. */
export async function findOperations(
  database: Database,
  { topics, ids }: { topics: readonly string[]; ids: readonly string[] },
  now: Date,
): Promise<StoredOperation[]> {
  const found = new Map<string, StoredOperation>();
  for (const [column, values] of [
    ['connection_operation.topic', topics],
    ['connection_operation.id', ids],
  ] as const)
    for (const part of inParts(values, idsPerStatement)) {
      const rows = await database
        .selectFrom('connection_operation')
        .innerJoin('connection', 'connection.id', 'connection_operation.connection_id')
        .selectAll('connection_operation')
        .select(['viewer_name', 'viewer_role'])
        .where(column, 'in', part)
        .where('expires_at', '>', now.toISOString())
        .execute();
      for (const row of rows) found.set(row.id, row);
    }
  return [...found.values()];
}

/** Moves the position of operations on; of one that somebody else has moved meanwhile it stays. */
export async function advanceOperations(
  database: Database,
  ids: readonly string[],
  from: string | null,
  to: string,
): Promise<void> {
  for (const part of inParts(ids, idsPerStatement))
    await inTransaction(database, (transaction) =>
      transaction
        .updateTable('connection_operation')
        .set({ position: to })
        .where('id', 'in', part)
        .where('position', from === null ? 'is' : '=', from)
        .execute(),
    );
}
