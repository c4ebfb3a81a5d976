import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';

/** The places below a data directory. */
export function dataPaths(directory: string) {
  return {
    records: join(directory, 'records.sqlite'),
    objects: join(directory, 'objects'),
    logs: join(directory, 'logs'),
    /** By which the servers of a team know this one. */
    serverId: join(directory, 'server-id'),
    cache: join(directory, 'cache'),
    lock: join(directory, 'lock.sqlite'),
    /** Who holds the lock, for a person. */
    holder: join(directory, 'server.json'),
  };
}

export type DataDirectoryLock =
  | { kind: 'locked'; describe(address: string): void; release(): void }
  | { kind: 'refused'; message: string };

/**
 * Takes a data directory for this process alone. The lock is an exclusive transaction on an empty database, which
 * is a lock of the operating system underneath: however the process dies, it is free again at once.
 */
export function lockDataDirectory(directory: string): DataDirectoryLock {
  const paths = dataPaths(directory);
  let lock: Database.Database | null = null;
  try {
    mkdirSync(directory, { recursive: true });
    lock = new Database(paths.lock, { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    writeFileSync(paths.holder, JSON.stringify({ pid: process.pid }));
  } catch (error) {
    lock?.close();
    return { kind: 'refused', message: refusalOf(error as NodeJS.ErrnoException, directory) };
  }
  return {
    kind: 'locked',
    describe: (address) => writeFileSync(paths.holder, JSON.stringify({ pid: process.pid, address })),
    release() {
      rmSync(paths.holder, { force: true });
      lock?.close();
    },
  };
}

/** Why a directory cannot be taken. What the file system answers is the user's to mend, and told without a stack. */
function refusalOf(error: NodeJS.ErrnoException, directory: string): string {
  const elsewhere = 'give another directory by --data';
  if (error.code === 'SQLITE_BUSY')
    return `${directory} is in use by ${readHolder(dataPaths(directory).holder)}: stop it, or ${elsewhere}`;
  if (error.code === 'ENOSPC') return `${directory} is on a full disk: free some space, or ${elsewhere}`;
  if (error.code === 'EEXIST' || error.code === 'ENOTDIR') return `${directory} is no directory: ${elsewhere}`;
  return `${directory} cannot be written (${error.message}): make it writable for this user, or ${elsewhere}`;
}

function readHolder(path: string): string {
  try {
    const { pid, address } = JSON.parse(readFileSync(path, 'utf8'));
    return `another process (${pid}${address ? `, ${address}` : ''})`;
  } catch {
    return 'another process';
  }
}
