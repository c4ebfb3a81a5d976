import { createHash, randomBytes } from 'node:crypto';
import { type BigIntStats, linkSync, renameSync, statSync, unlinkSync, utimesSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { explainFailure, isAbsence } from './directory-failure';
import { isAlive, withLockFile } from './directory-lock';
import {
  isKeySegment,
  pageLimit,
  requireByteRange,
  requireKeyPrefix,
  requireObjectKey,
  requirePageSize,
} from './object-requests';
import type { ByteRange, ListPage, ObjectInfo, ObjectStore, WriteOptions, WriteOutcome } from './object-store';

/** `~` is in no key, so nothing below these folders can be taken for an object. */
const temporaryFolder = '~temporary';
const lockFolder = '~locks';

/** A temporary file that nobody has written to for this long has no writer. */
const abandonedMilliseconds = 24 * 3600 * 1000;

/** Times a folder is made again when a concurrent delete took the empty one away. */
const folderAttempts = 100;

/**
 * Objects as files below `root`, each under the path that its key spells; made where it does not exist.
 *
 * A body is first written to a temporary file below `root` (which must be one file system) and forced to the disk;
 * a link or a rename then puts it in place, so readers see a whole object or none and a killed writer leaves nothing
 * but a temporary. 'absent' is link(2), which fails where a file exists: of concurrent writers, in whatever
 * processes, one wins. Every other change of a key happens under its lock file. The first write through a store
 * removes the temporaries of writers that are dead (on this host) or silent for a day.
 *
 * The version of an object is its inode and its modification time; the time is set on writing such that it grows
 * with every write of the key, however fast one follows the other.
 *
 * Unlike in a bucket, no key may be the folder of another: `a` and `a/b` exclude each other.
 * @throws ObjectStoreError where the file system refuses; RangeError for a malformed key, range or limit
 */
export function directoryObjectStore(root: string): ObjectStore {
  const directory = resolve(root);
  let cleaned: Promise<void> | null = null;
  const explained = <T>(key: string, doing: string, work: () => Promise<T>): Promise<T> =>
    work().catch((error) => {
      throw explainFailure(error, key, doing, directory);
    });

  return {
    async write(key, body, options = {}) {
      requireObjectKey(key);
      return explained(key, 'write', async () => {
        cleaned ??= removeAbandonedTemporaries(join(directory, temporaryFolder));
        await cleaned;
        return writeObject(directory, key, body, options.if);
      });
    },
    async read(key, range) {
      requireObjectKey(key);
      requireByteRange(range);
      return explained(key, 'read', async () => {
        const file = await openObject(join(directory, key));
        if (file === null) return null;
        try {
          return range === undefined ? await file.readFile() : await readRange(file, range);
        } finally {
          await file.close();
        }
      });
    },
    async readStream(key, range) {
      requireObjectKey(key);
      requireByteRange(range);
      const file = await explained(key, 'read', () => openObject(join(directory, key)));
      return file === null ? null : file.createReadStream({ start: range?.start, end: range?.end });
    },
    async info(key) {
      requireObjectKey(key);
      return explained(key, 'look at', () => objectInfo(directory, key));
    },
    async list(prefix, { after = '', limit = pageLimit } = {}) {
      requireKeyPrefix(prefix);
      requirePageSize(limit);
      return explained(prefix, 'list', () => listObjects(directory, prefix, after, limit));
    },
    async delete(key) {
      requireObjectKey(key);
      return explained(key, 'delete', () => deleteObject(directory, key));
    },
  };
}

/** A body on the disk that is not yet an object. */
interface Temporary {
  path: string;
  version: string;
}

async function writeObject(
  directory: string,
  key: string,
  body: Uint8Array | string | Readable,
  condition: WriteOptions['if'],
): Promise<WriteOutcome> {
  const path = join(directory, key);
  const temporary = await writeTemporary(temporaryPath(directory), body).catch((error) => {
    if (!(body instanceof Readable) || body.errored !== error) throw error;
    throw new Error(`the body of object "${key}" broke off; nothing was written`, { cause: error });
  });
  try {
    const outcome = await inFolderOf(path, async () =>
      condition === 'absent'
        ? linkWhereAbsent(temporary, path)
        : withLockFile(lockPath(directory, key), () => replace(temporary, path, condition)),
    );
    if (outcome.kind === 'written') await persistFolder(dirname(path));
    return outcome;
  } finally {
    await rm(temporary.path, { force: true });
  }
}

async function writeTemporary(path: string, body: Uint8Array | string | Readable): Promise<Temporary> {
  const file = await inFolderOf(path, () => open(path, 'wx'));
  try {
    await writeFile(file, body);
    const seconds = nextMicroseconds() / 1e6;
    await file.utimes(seconds, seconds);
    await file.sync();
    return { path, version: versionOf(await file.stat({ bigint: true })) };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

function linkWhereAbsent(temporary: Temporary, path: string): WriteOutcome {
  try {
    linkSync(temporary.path, path);
    return { kind: 'written', version: temporary.version };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && statObject(path) !== null) return { kind: 'conflict' };
    throw error;
  }
}

/** Puts the temporary file in the place of what is stored, unless that is not the version wanted. Under the lock. */
function replace(temporary: Temporary, path: string, wanted: { version: string } | undefined): WriteOutcome {
  const stored = statObject(path);
  if (wanted !== undefined && (stored === null || versionOf(stored) !== wanted.version)) return { kind: 'conflict' };
  let { version } = temporary;
  const written = statSync(temporary.path, { bigint: true });
  if (stored !== null && written.mtimeNs <= stored.mtimeNs) {
    // The clock of another writer is ahead. Two microseconds: a time passes through a double, which rounds.
    const seconds = Number(stored.mtimeNs / 1000n + 2n) / 1e6;
    utimesSync(temporary.path, seconds, seconds);
    version = versionOf(statSync(temporary.path, { bigint: true }));
  }
  renameSync(temporary.path, path);
  return { kind: 'written', version };
}

async function deleteObject(directory: string, key: string): Promise<void> {
  const path = join(directory, key);
  await withLockFile(lockPath(directory, key), () => {
    if (statObject(path) !== null) unlinkSync(path);
  });
  // Empty folders would make every later listing slower; one that is filled again meanwhile refuses.
  for (let folder = dirname(path); folder !== directory; folder = dirname(folder)) {
    const removed = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

async function objectInfo(directory: string, key: string): Promise<ObjectInfo | null> {
  try {
    const stats = await stat(join(directory, key), { bigint: true });
    if (!stats.isFile()) return null;
    return { key, sizeBytes: Number(stats.size), version: versionOf(stats), modifiedAt: stats.mtime };
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

async function listObjects(directory: string, prefix: string, after: string, limit: number): Promise<ListPage> {
  const keys: string[] = [];
  for await (const key of keysBelow(directory, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, after)) {
    keys.push(key);
    if (keys.length > limit) break;
  }
  const page = keys.slice(0, limit);
  const found = await Promise.all(page.map((key) => objectInfo(directory, key)));
  // What was deleted since its folder was read is left out.
  const objects = found.filter((info) => info !== null);
  return keys.length > limit ? { objects, next: page.at(-1) } : { objects };
}

/** Keys in the folder `folder` (`''` or ending in `/`) and below, in order. Keys are ASCII: string order is byte order. */
async function* keysBelow(directory: string, folder: string, prefix: string, after: string): AsyncGenerator<string> {
  const entries = await readdir(join(directory, folder), { withFileTypes: true }).catch((error) => {
    if (isAbsence(error)) return [];
    throw error;
  });
  // A folder takes part in the order with its slash, as it does in the keys below it.
  const names = entries
    .map((entry) => ({ entry, name: `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}` }))
    .filter(({ name }) => name.startsWith(prefix) && (name > after || (name.endsWith('/') && after.startsWith(name))))
    .filter(({ entry }) => isKeySegment(entry.name) && (entry.isFile() || entry.isDirectory()))
    .map(({ name }) => name)
    .sort();
  for (const name of names) {
    if (name.endsWith('/')) yield* keysBelow(directory, name, prefix, after);
    else yield name;
  }
}

/** null where no object is: nothing, or a folder. */
async function openObject(path: string): Promise<FileHandle | null> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  return null;
}

async function readRange(file: FileHandle, { start, end }: ByteRange): Promise<Uint8Array> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.max(0, Math.min(end + 1, size) - start));
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read: something else writes to it');
    filled += bytesRead;
  }
  return bytes;
}

/** Runs `action`, which puts a file at `path`, making the folder where it is missing or was just taken away. */
async function inFolderOf<T>(path: string, action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === folderAttempts) throw error;
    }
    const folder = dirname(path);
    const first = await mkdir(folder, { recursive: true });
    if (first === undefined) continue;
    for (let made = folder; made.length >= first.length; made = dirname(made)) await persistFolder(dirname(made));
  }
}

/** Forces a folder's entries to the disk, so that what was acknowledged survives a loss of power. */
async function persistFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    if (!isAbsence(error)) throw error; // deleted again meanwhile
  }
}

async function removeAbandonedTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const [host, pid] = name.split('~');
    const silentMilliseconds = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? Date.now());
    const dead = host === hostname() && !isAlive(Number(pid));
    if (dead || silentMilliseconds > abandonedMilliseconds) await rm(path, { force: true });
  }
}

const temporaryPath = (directory: string): string =>
  join(directory, temporaryFolder, `${hostname()}~${process.pid}~${randomBytes(8).toString('hex')}`);

const lockPath = (directory: string, key: string): string =>
  join(directory, lockFolder, createHash('sha256').update(key).digest('hex'));

const versionOf = (stats: BigIntStats): string => `${stats.ino.toString(36)}-${stats.mtimeNs.toString(36)}`;

function statObject(path: string): BigIntStats | null {
  try {
    const stats = statSync(path, { bigint: true });
    return stats.isFile() ? stats : null;
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

let lastMicroseconds = 0;

/** Wall clock in microseconds since 1970, never the same twice in this process. */
function nextMicroseconds(): number {
  const now = Date.now() * 1000 + Number((process.hrtime.bigint() / 1000n) % 1000n);
  lastMicroseconds = Math.max(now, lastMicroseconds + 2);
  return lastMicroseconds;
}
