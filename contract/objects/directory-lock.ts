import { closeSync, lstatSync, mkdirSync, openSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two tries; a holder needs well under a millisecond. */
const retryMilliseconds = 2;

/**
 * After which a lock that never changed hands counts as left behind although its owner cannot be shown to be dead
 * (another host, or a process number used again). Waiting time is counted by the waiter, so a machine that slept does
 * not make a lock look old.
 */
const abandonedMilliseconds = 10_000;

/**
 * Carries out `action` while holding the lock file `path`: alone among all processes that use the same path. `action`
 * is synchronous, so a holder is never parked in the event loop and holds the lock for some file operations only.
 * The lock of a killed process is broken: at once where its owner is a dead process of this host, else after ten
 * seconds of waiting.
 */
export async function withLockFile<T>(path: string, action: () => T): Promise<T> {
  let seen = { lock: '', since: 0 };
  let own = acquire(path);
  while (own === null) {
    const lock = identity(path);
    if (lock !== null && lock !== seen.lock) seen = { lock, since: performance.now() };
    const abandoned = lock === seen.lock && performance.now() - seen.since > abandonedMilliseconds;
    if (lock !== null && (abandoned || ownerIsDead(path))) breakLock(path, lock);
    else await sleep(retryMilliseconds * (1 + Math.random()));
    own = acquire(path);
  }
  try {
    return action();
  } finally {
    if (identity(path) === own) rmSync(path);
  }
}

/** Whether a process of this host is running. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * The identity of the lock that was taken; null where another holds it. A lock is a symbolic link whose target names
 * its owner: made with its content in one step, and without a block of data, so that deleting works on a full disk.
 */
function acquire(path: string): string | null {
  try {
    symlinkSync(`${hostname()} ${process.pid}`, path);
    return identity(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') mkdirSync(dirname(path), { recursive: true });
    else if (code !== 'EEXIST') throw error;
    return null;
  }
}

/** Which lock lies there, so that one that changed hands is told from one that stayed. */
function identity(path: string): string | null {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? `${stats.ino}-${stats.mtimeNs}` : null;
}

function ownerIsDead(path: string): boolean {
  let owner: string;
  try {
    owner = readlinkSync(path);
  } catch {
    return false; // released meanwhile
  }
  const [host, pid] = owner.split(' ');
  return host === hostname() && pid !== undefined && !isAlive(Number(pid));
}

/**
 * Removes the lock `expected` and no other: two waiters may both have found it left behind, and the slower must not
 * remove the lock that the faster has taken since. So only one may look and remove at a time.
 */
function breakLock(path: string, expected: string): void {
  const breaking = `${path}~breaking`;
  try {
    closeSync(openSync(breaking, 'wx'));
  } catch {
    // Another is at it, or died in the middle of it, which takes microseconds.
    const begun = statSync(breaking, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - begun > abandonedMilliseconds) rmSync(breaking, { force: true });
    return;
  }
  if (identity(path) === expected) rmSync(path);
  rmSync(breaking);
}
