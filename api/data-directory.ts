import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';

/** The places below a data directory. */
export function dataPaths(directory: string) {
  return {
    records: join(directory, 'records.sqlite'),
    objects: join(directory, 'objects'),
    logs: join(directory, 'logs'),
    cache: join(directory, 'cache'),
    lock: join(directory, 'lock.sqlite'),
    /** Who holds the lock, for a person. */
    holder: join(directory, 'server.json'),
  };
}

export type DataDirectoryLock =
  | { kind: 'locked'; describe(address: string): void; release(): void }
  | { kind: 'taken'; message: string };

/**
 * Takes a data directory for this process alone. The lock is an exclusive transaction on an empty database, which
 * is a lock of the operating system underneath: however the process dies, it is free again at once.
 */
export function lockDataDirectory(directory: string): DataDirectoryLock {
  mkdirSync(directory, { recursive: true });
  const paths = dataPaths(directory);
  const lock = new Database(paths.lock, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    return { kind: 'taken', message: `${directory} is in use by ${readHolder(paths.holder)}` };
  }
  writeFileSync(paths.holder, JSON.stringify({ pid: process.pid }));
  return {
    kind: 'locked',
    describe: (address) => writeFileSync(paths.holder, JSON.stringify({ pid: process.pid, address })),
    release() {
      rmSync(paths.holder, { force: true });
      lock.close();
    },
  };
}

function readHolder(path: string): string {
  try {
    const { pid, address } = JSON.parse(readFileSync(path, 'utf8'));
    return `another process (${pid}${address ? `, ${address}` : ''})`;
  } catch {
    return 'another process';
  }
}
