import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  type AliasNode,
  IdentifierNode,
  Kysely,
  type SqliteDatabase,
  SqliteDialect,
  SqliteQueryCompiler,
  type SqliteStatement,
} from 'kysely';
import Database from 'libsql';
import { LRUCache } from 'lru-cache';
import { migrate } from './migrate';
import type { Tables } from './tables';

/** Pages of the file kept in memory: the indexes of some 100,000 runs. The default is 2 MB. */
const cacheKilobytes = 64_000;
/** Bytes of the file that are read where the system has them in memory, without a copy: a tenth off a long search. */
const mappedBytes = 2 ** 30;
/** Statements that stay prepared, and bytes of their texts. */
const mostStatements = 500;
const statementTextBytes = 2 ** 20;
/** Milliseconds a statement waits for another process (a reindex, a shell) to let go of the file. */
const busyTimeoutMilliseconds = 10_000;

/**
 * Opens the records in one SQLite file, created and migrated where needed.
 *
 * WAL lets other processes read while the service writes; `synchronous = FULL` makes every acknowledged change
 * survive a power cut. `libsql` has the API of better-sqlite3, and its npm packages carry the binaries, so that
 * installing needs neither a compiler nor a download from elsewhere.
 */
export async function openSqlite(path: string): Promise<Kysely<Tables>> {
  mkdirSync(dirname(path), { recursive: true });
  const file = new Database(path);
  file.exec(`PRAGMA busy_timeout = ${busyTimeoutMilliseconds}`);
  file.exec('PRAGMA journal_mode = WAL');
  file.exec('PRAGMA synchronous = FULL');
  file.exec(`PRAGMA cache_size = -${cacheKilobytes}`);
  file.exec(`PRAGMA mmap_size = ${mappedBytes}`);
  const database = new Kysely<Tables>({ dialect: dialectOf(file) });
  await migrate(database);
  return database;
}

/** Statements are prepared once: that takes longer than many of them do. Kysely carries out one at a time. */
function withKeptStatements(file: Database.Database): SqliteDatabase {
  const statements = new LRUCache<string, SqliteStatement>({
    max: mostStatements,
    maxSize: statementTextBytes,
    sizeCalculation: (_statement, text) => text.length,
  });
  return {
    close: () => void file.close(),
    prepare(text) {
      let statement = statements.get(text);
      if (statement === undefined) {
        statement = file.prepare(text) as unknown as SqliteStatement;
        statements.set(text, statement);
      }
      return statement;
    },
  };
}

/** SQLite takes a transaction back by itself when the disk is full; a second rollback would fail, and hide why. */
function dialectOf(file: Database.Database): SqliteDialect {
  const dialect = new SqliteDialect({ database: withKeptStatements(file) });
  dialect.createQueryCompiler = () => new LookUpCompiler();
  const createDriver = dialect.createDriver.bind(dialect);
  dialect.createDriver = () => {
    const driver = createDriver();
    const rollback = driver.rollbackTransaction.bind(driver);
    driver.rollbackTransaction = async (connection) => {
      if (file.inTransaction) await rollback(connection);
    };
    return driver;
  };
  return dialect;
}

/** Under these names tables are looked into for what one run has of one metric or hyper-parameter. */
const lookUpIndexes: Readonly<Record<string, string>> = {
  metric_of_run: 'summary_metric_by_name_run_id',
  parameter_of_run: 'run_parameter_by_name_run_id',
};

/** SQLite takes a primary key for better than any other index: it has to be told which one spares it the row. */
class LookUpCompiler extends SqliteQueryCompiler {
  protected override visitAlias(node: AliasNode): void {
    super.visitAlias(node);
    const index = IdentifierNode.is(node.alias) ? lookUpIndexes[node.alias.name] : undefined;
    if (index !== undefined) this.append(` indexed by ${index}`);
  }
}
