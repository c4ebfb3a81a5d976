import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { directoryObjectStore } from '../../../contract/objects/directory';
import type { WriteOutcome } from '../../../contract/objects/object-store';
import { ObjectStoreError } from '../../../contract/objects/object-store-error';
import { objectStoreConformance } from '../../testkit/object-store-conformance';

const made: string[] = [];

function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'stillhouse-objects-'));
  made.push(root);
  return root;
}

afterEach(() => {
  for (const root of made.splice(0)) rmSync(root, { recursive: true, force: true });
});

const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());

const writerArguments = (...rest: string[]): string[] => [
  '--import',
  'tsx',
  join(__dirname, 'writer-process.ts'),
  ...rest,
];

/** Runs the writer process to its end and gives what it printed. */
const runWriter = async (...rest: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, writerArguments(...rest))).stdout;

/** The pid of a process that is no more. */
const deadPid = (): number => Number(execFileSync(process.execPath, ['-p', 'process.pid']).toString());

const exited = (child: ChildProcess): Promise<void> => new Promise((done) => child.once('exit', () => done()));

objectStoreConformance('directory', async () => directoryObjectStore(newRoot()));

describe('writers in several processes', () => {
  test('of those who create a key at once exactly one wins', async () => {
    const root = newRoot();

    const won = await Promise.all(['one', 'two', 'three'].map((name) => runWriter('claim', root, name, '60')));

    expect(won.map(Number).reduce((sum, count) => sum + count)).toBe(60);
    const { objects } = await directoryObjectStore(root).list('claims/');
    expect(objects).toHaveLength(60);
  });

  test('no update of a counter is lost', async () => {
    const root = newRoot();
    const store = directoryObjectStore(root);
    await store.write('counter', '0');

    await Promise.all([1, 2, 3].map(() => runWriter('count', root, '40')));

    expect(textOf(await store.read('counter'))).toBe('120');
  });

  test('a writer killed at any moment leaves a whole object, and nothing that stays', async () => {
    const root = newRoot();
    const store = directoryObjectStore(root);
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, writerArguments('forever', root));
      await new Promise((started) => child.stdout.once('data', started));
      await new Promise((later) => setTimeout(later, 20 + 15 * round));
      child.kill('SIGKILL');
      await exited(child);

      const body = textOf(await store.read('whole'));
      expect(body).toBe(body?.[0]?.repeat(300_000));
      expect((await directoryObjectStore(root).write('whole', '0'.repeat(300_000))).kind).toBe('written');
      expect(readdirSync(join(root, '~temporary'))).toEqual([]);
      expect(readdirSync(join(root, '~locks'))).toEqual([]);
    }
  });
});

describe('what killed writers leave', () => {
  test('is removed at the first write where the writer is dead or has been silent for a day, and only there', async () => {
    const root = newRoot();
    const folder = join(root, '~temporary');
    mkdirSync(folder);
    const names = {
      dead: `${hostname()}~${deadPid()}~aa`,
      alive: `${hostname()}~${process.pid}~bb`,
      elsewhere: 'another-host~1~cc',
      silent: 'another-host~1~dd',
    };
    for (const name of Object.values(names)) writeFileSync(join(folder, name), 'half a body');
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600;
    utimesSync(join(folder, names.silent), twoDaysAgo, twoDaysAgo);

    await directoryObjectStore(root).write('k', 'x');

    expect(readdirSync(folder).sort()).toEqual([names.alive, names.elsewhere].sort());
  });

  test('a lock of a dead process is broken, by however many wait', async () => {
    const root = newRoot();
    const store = directoryObjectStore(root);
    await store.write('k', 'first');
    const lock = join(root, '~locks', lockNameOf('k'));
    symlinkSync(`${hostname()} ${deadPid()}`, lock);

    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 8 }, (_, index) => store.write('k', `writer ${index}`)));

    // Not by waiting the ten seconds after which any lock counts as left behind.
    expect(performance.now() - startedAt).toBeLessThan(8000);
    expect(textOf(await store.read('k'))).toMatch(/^writer \d$/);
    expect(existsSync(lock)).toBe(false);
  });

  test('a lock of a live process is waited for', async () => {
    const root = newRoot();
    const store = directoryObjectStore(root);
    await store.write('k', 'first');
    const lock = join(root, '~locks', lockNameOf('k'));
    symlinkSync(`${hostname()} ${process.pid}`, lock);

    const write = store.write('k', 'second');
    await new Promise((later) => setTimeout(later, 100));
    expect(textOf(await store.read('k'))).toBe('first');
    rmSync(lock);
    await write;

    expect(textOf(await store.read('k'))).toBe('second');
  });
});

/** SHA-256 of the key, as `echo -n k | sha256sum` prints it: lock names are shared by all versions of the program. */
const lockNameOf = (key: 'k'): string =>
  ({ k: '8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a' })[key];

describe('a directory store', () => {
  test('gives versions that grow where the clock is set back', async () => {
    const store = directoryObjectStore(newRoot());
    const timeOf = (outcome: WriteOutcome) => {
      if (outcome.kind === 'conflict') throw new Error('not written');
      return Number.parseInt(outcome.version.split('-')[1]!, 36);
    };
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 3_600_000);
    const before = timeOf(await store.write('a', 'x', { if: 'absent' }));
    await store.delete('a');
    clock.mockReturnValue(now - 60_000);
    const after = timeOf(await store.write('a', 'x', { if: 'absent' }));
    clock.mockRestore();
    expect(after).toBeGreaterThan(before);
  });

  test('shows each object as a plain file under its key', async () => {
    const root = newRoot();

    await directoryObjectStore(root).write('runs/r1/spec.json', '{}');

    expect(execFileSync('cat', [join(root, 'runs/r1/spec.json')]).toString()).toBe('{}');
  });

  test('does not take foreign files, its own temporaries or links for objects', async () => {
    const root = newRoot();
    const store = directoryObjectStore(root);
    await store.write('a/b', 'x');
    writeFileSync(join(root, 'a', 'notes of a person.txt'), '');
    symlinkSync('/etc', join(root, 'etc'));

    expect((await store.list('')).objects.map((object) => object.key)).toEqual(['a/b']);
  });

  test('the version changes although body, size and clock stay', async () => {
    const store = directoryObjectStore(newRoot());
    const versions = new Set<string>();
    for (let index = 0; index < 50; index++) {
      const outcome = await store.write('k', 'same');
      if (outcome.kind === 'written') versions.add(outcome.version);
    }

    expect(versions.size).toBe(50);
  });

  test('a key that is deleted and written again does not meet its old versions, same inode or not', async () => {
    const store = directoryObjectStore(newRoot());
    const versions = new Set<string>();
    for (let index = 0; index < 50; index++) {
      const outcome = await store.write('k', 'same', { if: 'absent' });
      if (outcome.kind === 'written') versions.add(outcome.version);
      await store.delete('k');
    }

    expect(versions.size).toBe(50);
  });

  test('the version grows past that of a writer whose clock is ahead', async () => {
    const root = newRoot();
    const store = directoryObjectStore(root);
    await store.write('k', 'from the future');
    const tomorrow = Date.now() / 1000 + 24 * 3600;
    utimesSync(join(root, 'k'), tomorrow, tomorrow);
    const { version } = (await store.info('k'))!;

    expect((await store.write('k', 'now', { if: { version } })).kind).toBe('written');

    const { modifiedAt } = (await store.info('k'))!;
    expect(modifiedAt.getTime()).toBeGreaterThanOrEqual(Math.floor(tomorrow * 1000));
  });

  test('takes emptied folders away', async () => {
    const root = newRoot();
    const store = directoryObjectStore(root);
    await store.write('runs/r1/checkpoints/10/state.json', '{}');
    await store.write('runs/r1/spec.json', '{}');

    await store.delete('runs/r1/checkpoints/10/state.json');

    expect(readdirSync(join(root, 'runs/r1'))).toEqual(['spec.json']);
  });

  test('writers and deleters of one folder do not hinder each other', async () => {
    const store = directoryObjectStore(newRoot());

    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let round = 0; round < 10; round++) {
          await store.write(`deep/er/folder/${writer}`, 'x');
          await store.delete(`deep/er/folder/${writer}`);
        }
      }),
    );

    expect(await store.list('')).toEqual({ objects: [] });
  });

  test('refuses a key that is the folder of another, and says so', async () => {
    const store = directoryObjectStore(newRoot());
    await store.write('a/b', 'x');

    await expect(store.write('a', 'y')).rejects.toThrow(/"a".*folder of another object/);
    await expect(store.write('a', 'y', { if: 'absent' })).rejects.toThrow(/"a".*folder of another object/);
    await expect(store.write('a/b/c', 'y')).rejects.toThrow(/"a\/b\/c".*below an object/);
  });

  test('names the key and the cause where the body itself fails', async () => {
    const store = directoryObjectStore(newRoot());
    const body = new Readable({ read: () => body.destroy(new Error('connection lost')) });

    const failure = await store.write('k', body).catch((error: Error) => error);

    expect(failure).toMatchObject({ message: expect.stringContaining('"k"'), cause: { message: 'connection lost' } });
  });
});

describe('a failing disk', () => {
  const withSmallDisk = canMount() ? test : test.skip;

  test('a write over the file size limit of the process leaves nothing and says what to do', () => {
    const root = newRoot();
    // A real failure in the middle of a body, to be had without rights: the limit is 64 KiB.
    const script = `
      const { directoryObjectStore } = require(${JSON.stringify(join(__dirname, '../../../contract/objects/directory'))});
      const store = directoryObjectStore(${JSON.stringify(root)});
      store.write('big/object', Buffer.alloc(1 << 20)).catch((error) => process.stdout.write(error.code + ' ' + error.message));`;
    const output = execFileSync('bash', [
      '-c',
      `trap '' XFSZ; ulimit -f 64; exec "$0" --import tsx -e "$1"`,
      process.execPath,
      script,
    ]).toString();

    expect(output).toMatch(/^EFBIG cannot write object "big\/object".*larger than.*nothing was written/);
    expect(existsSync(join(root, 'big/object'))).toBe(false);
    expect(readdirSync(join(root, '~temporary'))).toEqual([]);
  });

  withSmallDisk('a full disk (skipped where none can be mounted) loses nothing, and deleting still works', async () => {
    const disk = newRoot();
    mountSmallDisk(disk);
    try {
      const store = directoryObjectStore(disk);
      await store.write('kept', 'kept');
      await store.write('filler', Buffer.alloc(900_000));

      const failure = await store.write('kept', Buffer.alloc(500_000)).catch((error) => error);

      expect(failure).toBeInstanceOf(ObjectStoreError);
      expect(failure).toMatchObject({ key: 'kept', code: 'ENOSPC' });
      expect(failure.message).toMatch(/cannot write object "kept".*disk is full: free some space/);
      expect(textOf(await store.read('kept'))).toBe('kept');
      await store.delete('filler');
      expect((await store.write('kept', Buffer.alloc(500_000))).kind).toBe('written');
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

/** Mounts a file system of 1 MB; throws where this process may not. */
function mountSmallDisk(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-small-disk-'));
  try {
    mountSmallDisk(folder);
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
