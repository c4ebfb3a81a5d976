import type { Kysely, Transaction } from 'kysely';
import type { Tables } from './tables';

/** The open records. Services hand it on; stores alone build queries with it. */
export type Database = Kysely<Tables>;
/** A transaction of the records: `inTransaction` begins one. */
export type DatabaseTransaction = Transaction<Tables>;
