import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ObjectStore } from '../../../contract/objects/object-store';
import { s3ObjectStore } from '../../../contract/objects/s3';
import type { S3Bucket } from '../../../contract/objects/s3-location';
import { type Fault, type FaultyProxy, startFaultyProxy } from '../../testkit/faulty-proxy';
import { describeWithMoto, type MotoServer } from '../../testkit/moto-server';

const newBucket = async (moto: MotoServer): Promise<S3Bucket> => ({
  bucket: await moto.createBucket(),
  prefix: '',
  endpoint: moto.endpoint,
  region: null,
});

const text = async (store: ObjectStore, key: string): Promise<string | null> => {
  const bytes = await store.read(key);
  return bytes === null ? null : Buffer.from(bytes).toString();
};

describeWithMoto('S3 with faults', (moto) => {
  let proxy: FaultyProxy;
  let bucket: S3Bucket;
  /** Through the proxy, and past it. */
  let store: ObjectStore;
  let direct: ObjectStore;
  beforeAll(async () => {
    proxy = await startFaultyProxy(moto().endpoint);
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => proxy.stop());
  beforeEach(async () => {
    // The SDK waits a random share of its back-off before another try: a twentieth here.
    jest.spyOn(Math, 'random').mockReturnValue(0.05);
    proxy.reset();
    bucket = await newBucket(moto());
    store = s3ObjectStore({ ...bucket, endpoint: proxy.endpoint }, { tries: 4, silenceMilliseconds: 10_000 });
    direct = s3ObjectStore(bucket);
  });

  /** Gives up soon on a storage that does not answer, and tries often: a busy machine may be slow to answer as well. */
  const useImpatientStore = () => {
    store = s3ObjectStore({ ...bucket, endpoint: proxy.endpoint }, { tries: 8, silenceMilliseconds: 400 });
  };

  const serverError = { kind: 'error', status: 500, code: 'InternalError' } as const;
  const passing: [string, Fault][] = (['before', 'after'] as const).flatMap((when) => [
    [`an internal error ${when} it was done`, { ...serverError, when }],
    [`"slow down" ${when} it was done`, { kind: 'error', status: 503, code: 'SlowDown', when }],
    [`a connection cut ${when} it was done`, { kind: 'cut', when }],
    [`no answer, ${when} it was done`, { kind: 'silence', when }],
  ]);

  describe.each(passing)('%s', (_name, fault) => {
    beforeEach(() => {
      if (fault.kind === 'silence') useImpatientStore();
    });

    test('does not tell the writer that creates that it lost', async () => {
      proxy.plan(/^PUT/, fault, fault);
      const outcome = await store.write('claim', 'mine', { if: 'absent' });

      expect(outcome).toEqual({ kind: 'written', version: (await direct.info('claim'))!.version });
      expect(await store.write('claim', 'yours', { if: 'absent' })).toEqual({ kind: 'conflict' });
      expect(await text(direct, 'claim')).toBe('mine');
    });

    test('does not tell the writer that replaces a version that it lost', async () => {
      const first = await direct.write('state', '1');
      const version = first.kind === 'written' ? first.version : '';
      proxy.plan(/^PUT/, fault);
      const outcome = await store.write('state', '2', { if: { version } });

      expect(outcome).toEqual({ kind: 'written', version: (await direct.info('state'))!.version });
      expect(await store.write('state', '3', { if: { version } })).toEqual({ kind: 'conflict' });
    });

    test('passes on every other request', async () => {
      await direct.write('k/1', 'body');
      for (const request of [/^PUT/, /^GET.*list-type/, /^GET(?!.*list-type)/, /^HEAD/, /^DELETE/])
        proxy.plan(request, fault);

      expect((await store.write('k/2', 'other')).kind).toBe('written');
      expect(await text(store, 'k/1')).toBe('body');
      expect(await store.info('k/1')).toMatchObject({ sizeBytes: 4 });
      expect((await store.list('k/')).objects.map(({ key }) => key)).toEqual(['k/1', 'k/2']);
      await store.delete('k/1');
      expect(await direct.info('k/1')).toBeNull();
    });
  });

  describe('a condition', () => {
    const crossed: Fault = { kind: 'error', status: 409, code: 'ConditionalRequestConflict', when: 'before' };

    test('that failed for another writer, after a try that failed, is a conflict', async () => {
      proxy.plan(
        /^PUT/,
        { ...serverError, when: 'before' },
        { kind: 'meanwhile', does: () => direct.write('k', 'theirs') },
      );

      expect(await store.write('k', 'mine', { if: 'absent' })).toEqual({ kind: 'conflict' });
      expect(await text(direct, 'k')).toBe('theirs');
    });

    test('on a version is not told from a loss where another wrote over what may have been written', async () => {
      const first = await direct.write('k', '1');
      const version = first.kind === 'written' ? first.version : '';
      proxy.plan(
        /^PUT/,
        { kind: 'cut', when: 'after' },
        { kind: 'meanwhile', does: () => direct.write('k', 'theirs') },
      );

      await expect(store.write('k', '2', { if: { version } })).rejects.toThrow(
        /whether this write took place is unknown/,
      );
    });

    test('that meets a write under way is tried again', async () => {
      proxy.plan(/^PUT/, crossed, crossed, crossed);

      expect((await store.write('k', 'mine', { if: 'absent' })).kind).toBe('written');
      expect(proxy.requests.filter((line) => line.startsWith('PUT'))).toHaveLength(4);
    });

    test('that meets one after another is given up, with advice', async () => {
      proxy.plan(/^PUT/, ...Array(20).fill(crossed));

      await expect(store.write('k', 'mine', { if: 'absent' })).rejects.toThrow(/others write the same object/);
      expect(await direct.info('k')).toBeNull();
    });
  });

  describe('a body in parts', () => {
    const large = Buffer.alloc(20 << 20, 'part');
    const uploadsLeft = async () =>
      (await (await fetch(`${moto().endpoint}/${bucket.bucket}?uploads`)).text()).match(/<UploadId>/g);
    const parts = () => proxy.requests.filter((line) => /^PUT.*partNumber/.test(line));

    test.each(passing)('survives %s, at every request of it', async (_name, fault) => {
      if (fault.kind === 'silence') useImpatientStore();
      proxy.plan(/^POST.*uploads/, fault);
      proxy.plan(/^PUT.*partNumber=2/, fault);
      proxy.plan(/^POST.*uploadId/, fault);

      expect((await store.write('large', Readable.from([large]), { if: 'absent' })).kind).toBe('written');
      expect(await direct.info('large')).toMatchObject({ sizeBytes: large.length });
      expect(await store.write('large', large, { if: 'absent' })).toEqual({ kind: 'conflict' });
    });

    test('is written where the upload was complete although nothing answered, and is no upload any more', async () => {
      proxy.plan(
        /^POST.*uploadId/,
        { kind: 'cut', when: 'after' },
        { kind: 'error', status: 404, code: 'NoSuchUpload', when: 'before' },
      );

      const outcome = await store.write('large', large);
      expect(outcome).toEqual({ kind: 'written', version: (await direct.info('large'))!.version });
    });

    test.each(['absent', 'version'] as const)(
      'leaves no parts where its condition (%s) does not hold',
      async (kind) => {
        const first = await direct.write('large', 'first');
        const version = first.kind === 'written' ? first.version : '';
        await direct.write('large', 'second');

        expect(await store.write('large', large, { if: kind === 'absent' ? kind : { version } })).toEqual({
          kind: 'conflict',
        });
        expect(parts().length).toBeGreaterThanOrEqual(3);
        expect(await uploadsLeft()).toBeNull();
        expect(await text(direct, 'large')).toBe('second');
      },
    );

    test('is uploaded anew where its condition met a write under way', async () => {
      const crossed: Fault = { kind: 'error', status: 409, code: 'ConditionalRequestConflict', when: 'before' };
      proxy.plan(/^POST.*uploadId/, crossed, null, crossed);

      expect((await store.write('large', large, { if: 'absent' })).kind).toBe('written');
      expect(new Set(parts().map((line) => /uploadId=([^&]+)/.exec(line)![1])).size).toBe(2);
      expect(await uploadsLeft()).toBeNull();
      // A stream cannot be read twice.
      await expect(store.write('stream', Readable.from([large]), { if: 'absent' })).rejects.toThrow(/try again/);
      expect(await uploadsLeft()).toBeNull();
    });

    test('leaves no parts where one of them cannot be stored, or its source breaks off', async () => {
      proxy.plan(/^PUT.*partNumber=2/, ...Array(4).fill({ ...serverError, when: 'before' }));
      await expect(store.write('large', large)).rejects.toThrow(/^cannot write object "large" in s3:.*after 4 tries/);

      const broken = Readable.from(
        (async function* () {
          yield large;
          throw new Error('the source broke off');
        })(),
      );
      await expect(store.write('broken', broken)).rejects.toThrow(/broke off; nothing was written/);
      expect(await uploadsLeft()).toBeNull();
      expect((await direct.list('')).objects).toEqual([]);
    });
  });

  describe('a body that is read', () => {
    const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));

    test('goes on where its connection was cut, in whole and in part', async () => {
      await direct.write('body', body);
      for (const range of [undefined, { start: 10_000, end: 89_999 }, { start: 50_000, end: 1_000_000 }]) {
        proxy.plan(
          /^GET/,
          { kind: 'short body', bytes: 100 },
          { kind: 'short body', bytes: 0 },
          { kind: 'short body', bytes: 20_000 },
        );
        const expected = range === undefined ? body : body.subarray(range.start, range.end + 1);
        expect(Buffer.compare((await store.read('body', range))!, expected)).toBe(0);
        expect(Buffer.compare(await buffer((await store.readStream('body', range))!), expected)).toBe(0);
      }
    });

    test('may break before anybody reads it', async () => {
      await direct.write('body', body);
      proxy.plan(/^GET/, { kind: 'short body', bytes: 100 });
      const stream = (await store.readStream('body'))!;
      await new Promise((later) => setTimeout(later, 50));

      expect(Buffer.compare(await buffer(stream), body)).toBe(0);
    });

    test('is never put together from two versions', async () => {
      await direct.write('body', body);
      proxy.plan(
        /^GET/,
        { kind: 'short body', bytes: 100 },
        { kind: 'meanwhile', does: () => direct.write('body', body.toReversed()) },
      );

      await expect(store.read('body')).rejects.toThrow(/was overwritten while it was read: read it again/);
    });

    test('is refused where it does not have the checksum with which it was written', async () => {
      await direct.write('body', body);
      proxy.plan(/^GET/, { kind: 'altered body' });

      await expect(store.read('body')).rejects.toThrow(/cannot read object "body".*[Cc]hecksum/);
      expect(Buffer.compare((await store.read('body'))!, body)).toBe(0);
    });

    test('ends with an error where every connection is cut', async () => {
      await direct.write('body', body);
      proxy.plan(/^GET/, ...Array(10).fill({ kind: 'short body', bytes: 10 }));

      await expect(store.read('body')).rejects.toThrow(/^cannot read object "body" in s3:/);
    });
  });

  test('of many writers under random faults exactly one wins each claim, and knows it', async () => {
    const faults = [
      ...passing.map(([, fault]) => fault).filter(({ kind }) => kind !== 'silence'),
      ...Array(14).fill(null),
    ];
    let state = 1;
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const patient = s3ObjectStore({ ...bucket, endpoint: proxy.endpoint }, { tries: 12, silenceMilliseconds: 10_000 });
    proxy.plan(/^(PUT|HEAD)/, ...Array.from({ length: 400 }, () => faults[random(faults.length)]!));
    for (let round = 0; round < 6; round++) {
      const outcomes = await Promise.all(
        Array.from({ length: 6 }, (_, writer) =>
          patient.write(`claims/${round}`, `writer ${writer}`, { if: 'absent' }),
        ),
      );
      const winners = outcomes.flatMap(({ kind }, writer) => (kind === 'written' ? [`writer ${writer}`] : []));
      expect(winners).toEqual([await text(direct, `claims/${round}`)]);
    }
  });

  describe('what cannot be mended by trying again says what to do', () => {
    const refused = (status: number, code: string): Fault => ({ kind: 'error', status, code, when: 'before' });

    test.each([
      [403, 'AccessDenied', /these credentials may not do so: allow s3:ListBucket .* \(AccessDenied: said the proxy\)/],
      [403, 'InvalidAccessKeyId', /correct AWS_ACCESS_KEY_ID/],
      [403, 'SignatureDoesNotMatch', /correct AWS_ACCESS_KEY_ID/],
      [400, 'ExpiredToken', /the credentials have expired: get new ones/],
      [301, 'PermanentRedirect', /another region: set AWS_REGION/],
      [400, 'AuthorizationHeaderMalformed', /another region: set AWS_REGION/],
      [501, 'NotImplemented', /conditional writes: use another one/],
    ])('%i %s', async (status, code, message) => {
      proxy.plan(/^PUT/, refused(status, code));

      await expect(store.write('k', 'x', { if: 'absent' })).rejects.toMatchObject({
        name: 'ObjectStoreError',
        code,
        message: expect.stringMatching(message),
      });
      expect(proxy.requests).toHaveLength(1);
    });

    test('a HEAD that is refused, whose answer has no body', async () => {
      proxy.plan(/^HEAD/, refused(403, 'AccessDenied'));

      await expect(store.info('k')).rejects.toThrow(/these credentials may not do so/);
    });

    test('a missing bucket', async () => {
      const nowhere = s3ObjectStore({ ...bucket, bucket: 'nobody-made-this' });

      const message = /s3:\/\/nobody-made-this\/ at http.*: the bucket does not exist: create it/;
      await expect(nowhere.write('k', 'x')).rejects.toThrow(message);
      await expect(nowhere.read('k')).rejects.toThrow(message);
      await expect(nowhere.list('')).rejects.toThrow(message);
    });

    test('a storage that never answers', async () => {
      useImpatientStore();
      proxy.plan(/^GET/, ...Array(8).fill({ kind: 'silence', when: 'before' }));
      await expect(store.read('k')).rejects.toThrow(/did not answer in time.*8 tries/);
    });

    test('a storage that is throttled all the time', async () => {
      proxy.plan(/^DELETE/, ...Array(4).fill(refused(503, 'SlowDown')));

      await expect(store.delete('k')).rejects.toThrow(/asks for fewer requests: try again later \(SlowDown.*4 tries/);
    });
  });
});
