import type { Kysely } from 'kysely';
import type { ConnectionOperationTable, ConnectionTable, Tables } from '../database/tables';
import { inTransaction } from '../database/transaction';
import { inParts } from '../shared/in-parts';

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

/** Operations first: one whose connection is not known would be nobody's. A connection may have a hundred of them. */
export async function deleteConnections(database: Database, ids: readonly string[]): Promise<void> {
  for (const part of inParts(ids, idsPerStatement)) {
    const operations = await database
      .selectFrom('connection_operation')
      .select('id')
      .where('connection_id', 'in', part)
      .execute();
    await deleteOperations(
      database,
      operations.map(({ id }) => id),
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
    .where('ended_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/**
 * Stores an operation that a client asked for at `requestedAt`. `exists`: the connection has one of that name; `ended`:
 * its `complete`, sent later, came earlier.
 */
export function insertOperation(
  database: Database,
  operation: ConnectionOperationTable,
  requestedAt: Date,
): Promise<'stored' | 'exists' | 'ended'> {
  const { id, ...columns } = operation;
  return inTransaction(database, async (transaction) => {
    const written = await transaction
      .insertInto('connection_operation')
      .values(operation)
      // The name was another operation's, which ended before this one was asked for.
      .onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet(columns)
          .where('connection_operation.ended_at', '<', requestedAt.toISOString()),
      )
      .executeTakeFirstOrThrow();
    if (written.numInsertedOrUpdatedRows === 1n) return 'stored';
    const there = transaction.selectFrom('connection_operation').select('ended_at').where('id', '=', id);
    return (await there.executeTakeFirstOrThrow()).ended_at === null ? 'exists' : 'ended';
  });
}

/** Longer than messages of one client overtake each other: both functions have ended by then. */
const overtakingMilliseconds = 60_000;

/**
 * Ends an operation as its client asked at `requestedAt`. Where it is not there it may still be on its way: that it
 * ended is noted in its place, so that of the two who come at once one sees the other.
 */
export function endOperation(
  database: Database,
  connectionId: string,
  clientId: string,
  requestedAt: Date,
): Promise<void> {
  const id = operationId(connectionId, clientId);
  const endedAt = requestedAt.toISOString();
  const overtaken = new Date(requestedAt.getTime() - overtakingMilliseconds).toISOString();
  return inTransaction(database, async (transaction) => {
    const ended = await transaction
      .deleteFrom('connection_operation')
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (ended.numDeletedRows === 1n) return;
    await transaction
      .deleteFrom('connection_operation')
      .where('connection_id', '=', connectionId)
      .where('ended_at', '<', overtaken)
      .execute();
    const note = { id, connection_id: connectionId, client_id: clientId, ended_at: endedAt };
    await transaction
      .insertInto('connection_operation')
      .values({ ...note, topic: '', query: '', operation_name: null, variables: '{}', position: null })
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet({ ended_at: endedAt }).where('connection_operation.ended_at', '<', endedAt),
      )
      .execute();
  });
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
        .where('ended_at', 'is', null)
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
