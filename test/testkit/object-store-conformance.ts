import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ByteRange, ObjectStore, WriteOutcome } from '../../contract/objects/object-store';

const text = async (store: ObjectStore, key: string, range?: ByteRange): Promise<string | null> => {
  const bytes = await store.read(key, range);
  return bytes === null ? null : Buffer.from(bytes).toString();
};

/** The version that was written; fails the test on a conflict. */
const versionOf = (outcome: WriteOutcome): string => {
  if (outcome.kind !== 'written') throw new Error('expected the object to be written, met a conflict');
  return outcome.version;
};

const keysOf = async (store: ObjectStore, prefix: string, limit?: number): Promise<string[]> => {
  const keys: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(prefix, { after, limit });
    keys.push(...page.objects.map((object) => object.key));
    after = page.next;
  } while (after !== undefined);
  return keys;
};

/** `count` blocks of a mebibyte, each filled with its number, without ever holding more than one. */
function* blocks(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index++) yield Buffer.alloc(1 << 20, index);
}

/**
 * What every object store promises, whatever is behind it.
 * @param createStore Gives an empty store for each test.
 */
export function objectStoreConformance(name: string, createStore: () => Promise<ObjectStore>): void {
  describe(`${name} as an object store`, () => {
    let store: ObjectStore;
    beforeEach(async () => {
      store = await createStore();
    });

    readingAndWriting(() => store);
    conditions(() => store);
    ranges(() => store);
    listing(() => store);
    largeBodies(() => store);
    concurrency(() => store);
  });
}

function readingAndWriting(store: () => ObjectStore): void {
  test('gives back what was written, from bytes, text and stream', async () => {
    await store().write('a/bytes', new Uint8Array([0, 255, 10, 13]));
    await store().write('a/text', 'Größe: 1 €');
    await store().write('a/stream', Readable.from([Buffer.from('one '), Buffer.from('two')]));

    expect(Array.from((await store().read('a/bytes'))!)).toEqual([0, 255, 10, 13]);
    expect(await text(store(), 'a/text')).toBe('Größe: 1 €');
    expect(await text(store(), 'a/stream')).toBe('one two');
    expect((await buffer((await store().readStream('a/text'))!)).toString()).toBe('Größe: 1 €');
  });

  test('knows nothing of what was never written', async () => {
    await store().write('a/b', 'x');

    for (const key of ['missing', 'a', 'a/b/c', 'a/missing']) {
      expect(await store().read(key)).toBeNull();
      expect(await store().readStream(key)).toBeNull();
      expect(await store().info(key)).toBeNull();
      await store().delete(key);
    }
    expect(await text(store(), 'a/b')).toBe('x');
  });

  test('keeps a body of 0 bytes as an object', async () => {
    await store().write('empty', '');
    await store().write('empty-stream', Readable.from([]));

    expect(await text(store(), 'empty')).toBe('');
    expect(await store().info('empty-stream')).toMatchObject({ sizeBytes: 0 });
    expect(await buffer((await store().readStream('empty'))!)).toHaveLength(0);
  });

  test('tells size, time and version of an object', async () => {
    const before = Date.now();
    const version = versionOf(await store().write('some/object.json', 'abc€'));

    const info = (await store().info('some/object.json'))!;

    expect(info).toMatchObject({ key: 'some/object.json', sizeBytes: 6, version });
    // S3 counts in whole seconds.
    expect(info.modifiedAt.getTime()).toBeGreaterThan(before - 2000);
    expect(info.modifiedAt.getTime()).toBeLessThan(Date.now() + 2000);
  });

  test('overwrites, deletes and writes again', async () => {
    await store().write('k', 'first, the longer body');
    await store().write('k', 'second');
    expect(await text(store(), 'k')).toBe('second');

    await store().delete('k');
    expect(await store().read('k')).toBeNull();
    await store().write('k', 'third');
    expect(await text(store(), 'k')).toBe('third');
  });

  test('stores nothing of a body that breaks off', async () => {
    const body = Readable.from(
      (async function* () {
        yield Buffer.alloc(100_000);
        throw new Error('the source broke off');
      })(),
    );

    await expect(store().write('broken/object', body)).rejects.toThrow();

    expect(await store().info('broken/object')).toBeNull();
    expect(await keysOf(store(), '')).toEqual([]);
  });

  test('refuses a key of more than 1,024 characters', async () => {
    await expect(store().write(`${'abc/'.repeat(300)}d`, 'x')).rejects.toThrow(RangeError);
  });

  test.each(['', '/a', 'a/', 'a//b', '.', '..', 'a/../b', './a', 'a b', 'a\\b', 'ü', 'a\0b', 'a~b'])(
    'refuses the key %j',
    async (key) => {
      await expect(store().write(key, 'x')).rejects.toThrow(RangeError);
      await expect(store().read(key)).rejects.toThrow(RangeError);
      await expect(store().readStream(key)).rejects.toThrow(RangeError);
      await expect(store().info(key)).rejects.toThrow(RangeError);
      await expect(store().delete(key)).rejects.toThrow(RangeError);
    },
  );
}

function conditions(store: () => ObjectStore): void {
  test('creates where nothing is, and only there', async () => {
    const first = await store().write('claim', 'mine', { if: 'absent' });
    const second = await store().write('claim', 'yours', { if: 'absent' });

    expect(first.kind).toBe('written');
    expect(second).toEqual({ kind: 'conflict' });
    expect(await text(store(), 'claim')).toBe('mine');
  });

  test('creates again what was deleted', async () => {
    await store().write('claim', 'mine', { if: 'absent' });
    await store().delete('claim');

    expect((await store().write('claim', 'yours', { if: 'absent' })).kind).toBe('written');
  });

  test('overwrites the expected version, and no other', async () => {
    const first = versionOf(await store().write('state', '1'));
    const second = versionOf(await store().write('state', '2', { if: { version: first } }));

    expect(await store().write('state', '3', { if: { version: first } })).toEqual({ kind: 'conflict' });
    expect(await text(store(), 'state')).toBe('2');
    expect((await store().info('state'))?.version).toBe(second);
  });

  test('expects a version in vain where nothing is stored', async () => {
    const version = versionOf(await store().write('state', '1'));
    await store().delete('state');

    expect(await store().write('state', '2', { if: { version } })).toEqual({ kind: 'conflict' });
    expect(await store().read('state')).toBeNull();
  });
}

function ranges(store: () => ObjectStore): void {
  test.each([
    [0, 0, '0'],
    [2, 4, '234'],
    [0, 9, '0123456789'],
    [7, 1000, '789'],
    [9, 9, '9'],
    [10, 20, ''],
    [500, 501, ''],
  ])('reads bytes %i to %i', async (start, end, expected) => {
    await store().write('digits', '0123456789');

    expect(await text(store(), 'digits', { start, end })).toBe(expected);
    expect((await buffer((await store().readStream('digits', { start, end }))!)).toString()).toBe(expected);
  });

  test.each([
    [-1, 2],
    [3, 2],
    [0.5, 2],
    [0, Number.NaN],
  ])('refuses a range from %d to %d', async (start, end) => {
    await store().write('digits', '0123456789');

    await expect(store().read('digits', { start, end })).rejects.toThrow(RangeError);
    await expect(store().readStream('digits', { start, end })).rejects.toThrow(RangeError);
  });

  test('gives no bytes of an empty object, and null where nothing is', async () => {
    await store().write('empty', '');

    expect(await text(store(), 'empty', { start: 0, end: 5 })).toBe('');
    expect(await store().read('missing', { start: 0, end: 5 })).toBeNull();
  });
}

function listing(store: () => ObjectStore): void {
  // In byte order: '-' and '.' come before '/', digits and letters behind it, capitals before small letters.
  const ordered = [
    'A',
    'a-b',
    'a.b/c',
    'a/b',
    'a/b-',
    'a/b.d/e',
    'a/bc',
    'a0',
    'aB',
    'ab/0010',
    'ab/002',
    'b=c',
    'b_c',
  ];

  test('lists in the order of bytes, whole and in pages of any size', async () => {
    for (const key of [...ordered].reverse()) await store().write(key, key);

    expect(ordered).toEqual([...ordered].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    for (const limit of [1, 2, 5, 13, 1000]) expect(await keysOf(store(), '', limit)).toEqual(ordered);
  });

  test('lists by prefix, which need not end at a slash', async () => {
    for (const key of ordered) await store().write(key, key);

    for (const prefix of ['a', 'a/', 'a/b', 'a/b.d/', 'ab/00', 'b', 'zzz', 'a/zzz/'])
      expect(await keysOf(store(), prefix, 2)).toEqual(ordered.filter((key) => key.startsWith(prefix)));
  });

  test('lists what lies behind a key, whether that key exists or not', async () => {
    for (const key of ordered) await store().write(key, key);

    for (const after of ['0', 'a', 'a/', 'a/b', 'a/b.', 'a/b.d/e', 'a/zzz', 'ab/001', 'b_c', 'zzz']) {
      const { objects } = await store().list('', { after });
      expect(objects.map((object) => object.key)).toEqual(ordered.filter((key) => key > after));
    }
    expect((await store().list('a/', { after: 'a/b-' })).objects.map((o) => o.key)).toEqual(['a/b.d/e', 'a/bc']);
    expect(await store().list('a/', { after: 'b' })).toEqual({ objects: [] });
  });

  test('tells of a next page only where there is one', async () => {
    for (const key of ['p/1', 'p/2', 'p/3']) await store().write(key, key);

    expect((await store().list('p/', { limit: 3 })).next).toBeUndefined();
    expect((await store().list('p/', { limit: 2 })).next).toBe('p/2');
    expect(await store().list('none/')).toEqual({ objects: [] });
  });

  test('lists the same that info tells', async () => {
    await store().write('one', 'body');

    const { objects } = await store().list('');

    const info = (await store().info('one'))!;
    expect(objects).toMatchObject([{ key: 'one', sizeBytes: 4, version: info.version }]);
  });

  test('no longer lists what was deleted', async () => {
    await store().write('d/one', '1');
    await store().write('d/e/two', '2');
    await store().delete('d/e/two');

    expect(await keysOf(store(), '')).toEqual(['d/one']);
  });

  test.each([0, -1, 1001, 1.5])('refuses a page of %d', async (limit) => {
    await expect(store().list('', { limit })).rejects.toThrow(RangeError);
  });

  test.each(['/', '../', 'a//', 'ü'])('refuses the prefix %j', async (prefix) => {
    await expect(store().list(prefix)).rejects.toThrow(RangeError);
  });
}

function largeBodies(store: () => ObjectStore): void {
  test('streams 100 MB in and out without holding them', async () => {
    const expected = createHash('sha256');
    for (const block of blocks(100)) expected.update(block);

    await store().write('large', Readable.from(blocks(100), { objectMode: false }));
    const read = createHash('sha256');
    let largestMemory = 0;
    const before = process.memoryUsage().arrayBuffers;
    for await (const chunk of (await store().readStream('large'))!) {
      read.update(chunk);
      largestMemory = Math.max(largestMemory, process.memoryUsage().arrayBuffers - before);
    }

    expect((await store().info('large'))?.sizeBytes).toBe(100 << 20);
    expect(read.digest('hex')).toBe(expected.digest('hex'));
    expect(largestMemory).toBeLessThan(60 << 20);
    // A range deep inside: the last byte of block 41 and the first of block 42.
    const border = await store().read('large', { start: (42 << 20) - 1, end: 42 << 20 });
    expect(Array.from(border!)).toEqual([41, 42]);
  });
}

function concurrency(store: () => ObjectStore): void {
  test('of many who create at once exactly one wins, and its body stays', async () => {
    for (let round = 0; round < 5; round++) {
      const key = `claims/${round}`;
      const outcomes = await Promise.all(
        Array.from({ length: 16 }, (_, writer) => store().write(key, `writer ${writer}`, { if: 'absent' })),
      );

      const winners = outcomes.flatMap((outcome, writer) => (outcome.kind === 'written' ? [writer] : []));
      expect(winners).toHaveLength(1);
      expect(await text(store(), key)).toBe(`writer ${winners[0]}`);
    }
  });

  test('of many who overwrite one version exactly one wins', async () => {
    let version = versionOf(await store().write('state', 'start'));
    for (let round = 0; round < 5; round++) {
      const outcomes = await Promise.all(
        Array.from({ length: 16 }, (_, writer) => store().write('state', `${round} ${writer}`, { if: { version } })),
      );

      const winners = outcomes.filter((outcome) => outcome.kind === 'written');
      expect(winners).toHaveLength(1);
      version = versionOf(winners[0]!);
      expect((await store().info('state'))?.version).toBe(version);
    }
  });

  test('the version changes with every new body, however fast writes follow each other', async () => {
    const versions: string[] = [];
    for (let index = 0; index < 30; index++) {
      versions.push(versionOf(await store().write('fast', `body ${index % 15}`)));
      if (index % 7 === 0) await store().delete('fast');
    }

    for (const [index, version] of versions.slice(1).entries()) expect(version).not.toBe(versions[index]);
  });

  test('a reader sees one whole body or another, never a mixture', async () => {
    const bodies = ['a', 'b', 'c'].map((letter) => letter.repeat(200_000));
    await store().write('whole', bodies[0]!);
    let writing = true;
    const writer = (async () => {
      for (let index = 0; index < 12; index++) await store().write('whole', bodies[index % 3]!);
      writing = false;
    })();

    do {
      expect(bodies).toContain(await text(store(), 'whole'));
      expect(bodies).toContain((await buffer((await store().readStream('whole'))!)).toString());
      expect((await store().list('')).objects).toHaveLength(1);
    } while (writing);
    await writer;
  });
}
