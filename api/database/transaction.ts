import type { Kysely, Transaction } from 'kysely';
import type { Tables } from './tables';

/** Tries of one transaction; with the waits below some 3 seconds in all. */
const tryLimit = 10;
const shortestWaitMilliseconds = 5;
const longestWaitMilliseconds = 1000;

/**
 * Carries out `work` in one transaction, and anew where it lost against another one: every transaction of the service
 * goes through here. It sees one snapshot (REPEATABLE READ; SQLite has one writer at a time), and of two that change
 * the same row only the first is committed.
 *
 * @param work may run several times: all it does, it does in the transaction, or it does no harm twice
 * @throws what `work` throws; the last error of the database where no try came through
 */
export function inTransaction<T>(
  database: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  return retried(async () => {
    let reached = 'work' as 'work' | 'commit';
    let cause: unknown;
    try {
      return await database
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (transaction) => {
          const result = await work(transaction).catch((error) => {
            cause = error;
            throw error;
          });
          reached = 'commit';
          return result;
        });
    } catch (error) {
      // Where the connection is lost the rollback fails too, and its error would hide the one that tells why.
      const reason = cause ?? error;
      // Whether a commit that nobody answered was carried out is not known: doing it again might do it twice.
      if (reached === 'commit' && isConnectionLost(reason)) throw new UnknownOutcome(reason);
      throw reason;
    }
  });
}

/** A commit was sent, and the connection was lost before the answer. */
class UnknownOutcome extends Error {
  constructor(cause: unknown) {
    super('the connection was lost during a commit: whether it was carried out is not known', { cause });
  }
}

/**
 * Does `work` until it meets nobody in its way: another writer, a deadlock, a busy file, a lost connection. The waits
 * in between grow and are random, so that two that met do not meet again.
 * @param isPassing which further errors pass
 */
export function retried<T>(work: () => Promise<T>, isPassing: (error: unknown) => boolean = () => false): Promise<T> {
  return retriedUntil((tries) => tries === tryLimit, work, isPassing);
}

/** As `retried`, for changes of the schema: Aurora DSQL refuses them for as long as an index is being made. */
export function retriedForLong<T>(
  work: () => Promise<T>,
  isPassing: (error: unknown) => boolean = () => false,
): Promise<T> {
  const end = performance.now() + longTriesMilliseconds;
  return retriedUntil(() => performance.now() > end, work, isPassing);
}

const longTriesMilliseconds = 60_000;

async function retriedUntil<T>(
  isLast: (tries: number) => boolean,
  work: () => Promise<T>,
  isPassing: (error: unknown) => boolean,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const passes = isConflict(error) || isConnectionLost(error) || isPassing(error);
      if (!passes || isLast(tries)) throw error;
      const longest = Math.min(longestWaitMilliseconds, shortestWaitMilliseconds * 2 ** tries);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * longest));
    }
  }
}

export const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');

/**
 * 40001: another transaction changed what this one read and would change; 40P01: a deadlock, broken up; OC000 and
 * OC001: the same of Aurora DSQL, for rows and for the schema. SQLite: another process writes to the file.
 */
const isConflict = (error: unknown): boolean => /^(40001|40P01|OC00[01]|SQLITE_BUSY\w*)$/.test(codeOf(error));

/** Class 08: connection exceptions; 57P01 to 57P03: the server goes down or comes up. `pg` itself gives no code. */
function isConnectionLost(error: unknown): boolean {
  if (/^(08\w{3}|57P0[123]|ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT)$/.test(codeOf(error))) return true;
  return (
    error instanceof Error && /^Connection terminated|^Client has encountered a connection error/.test(error.message)
  );
}
