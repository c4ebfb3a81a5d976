import { type Kysely, PostgresAdapter, sql } from 'kysely';
import { databaseRole, type MigrationRequest } from '../../contract/aws';
import type { Tables } from './tables';
import { retriedForLong } from './transaction';

/**
 * Lets others than the owner of the tables read and write them, and nothing else: a role of the database, and the IAM
 * roles that may take it (Aurora DSQL alone knows these). To be done after every migration, which may bring tables.
 */
export async function grantAccess(database: Kysely<Tables>, { role, principals }: MigrationRequest): Promise<void> {
  const known = await sql`select 1 from pg_roles where rolname = ${role}`.execute(database);
  if (known.rows.length === 0) await carryOut(database, sql`create role ${sql.id(role)} with login`);
  if (principals.length > 0) {
    const mappings = await sql<{ arn: string }>`
      select arn from sys.iam_pg_role_mappings where pg_role_name = ${role}`.execute(database);
    for (const principal of principals)
      if (!mappings.rows.some(({ arn }) => arn === principal))
        await carryOut(database, sql`aws iam grant ${sql.id(role)} to ${sql.lit(principal)}`);
  }
  // Everybody may look into `public`; Aurora DSQL takes no grants on it as a whole, since it counts it as its own.
  const tables = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = current_schema()`.execute(database);
  for (const { name } of tables.rows)
    await carryOut(database, sql`grant select, insert, update, delete on ${sql.table(name)} to ${sql.id(role)}`);
}

/** Whether AWS Batch carries out runs of these records. */
export async function hasBatchJobs(database: Kysely<Tables>): Promise<boolean> {
  return (await database.selectFrom('batch_job').select('name').limit(1).executeTakeFirst()) !== undefined;
}

/** Whether records are those of a stack on AWS: its functions have a role in the database, or AWS Batch had a job. */
export async function isOfStack(database: Kysely<Tables>): Promise<boolean> {
  if (await hasBatchJobs(database)) return true;
  if (!(database.getExecutor().adapter instanceof PostgresAdapter)) return false;
  const known = await sql`select 1 from pg_roles where rolname = ${databaseRole}`.execute(database);
  if (known.rows.length === 0) return false;
  const mappings = await sql`select 1 from pg_views where schemaname = 'sys' and viewname = 'iam_pg_role_mappings'`;
  return (await mappings.execute(database)).rows.length > 0;
}

/** Each in a transaction of its own, as Aurora DSQL wants it of what changes the schema. */
const carryOut = (database: Kysely<Tables>, statement: ReturnType<typeof sql>): Promise<unknown> =>
  retriedForLong(() => statement.execute(database));
