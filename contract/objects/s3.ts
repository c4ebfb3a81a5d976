import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { checkpointTag, parseCheckpointKey } from '../keys';
import { pageLimit, requireByteRange, requireKeyPrefix, requireObjectKey, requirePageSize } from './object-requests';
import type { ByteRange, ListPage, ObjectInfo, ObjectStore, WriteOptions, WriteOutcome } from './object-store';
import { ObjectStoreError } from './object-store-error';
import { codeOf, explainS3Failure, statusOf, triesOf } from './s3-failure';
import type { S3Bucket } from './s3-location';

/** Times and tries; tests shorten them. */
export interface S3Patience {
  /** Tries of one request, the first one included; the waits between them double, with jitter. */
  tries: number;
  connectMilliseconds: number;
  /** Without a byte in either direction for so long, a request has failed. */
  silenceMilliseconds: number;
}
const usualPatience: S3Patience = { tries: 6, connectMilliseconds: 5_000, silenceMilliseconds: 30_000 };

/** A body up to this size is one request, a larger one goes in parts of it: 10,000 of them at most, so 80 GB. */
const partBytes = 8 << 20;
const partsAtOnce = 4;

/**
 * Objects in a bucket of S3, or of whatever speaks S3 and has conditional writes, each under `prefix` and its key.
 *
 * Every body is sent with a checksum, and one that is read whole over one connection is checked. A condition travels
 * with the request (`If-None-Match: *`, `If-Match`) and is kept by the storage; the version of an object is its ETag, so
 * the same body written again may have the same version. Requests are tried again after failures of network and storage.
 * Then a condition may fail because an earlier try, whose answer was lost, did write: so each write leaves a mark of its
 * own in the metadata of the object, by which it is known again.
 *
 * @throws ObjectStoreError where the storage cannot be reached or refuses; RangeError for a malformed key, range or limit
 */
export function s3ObjectStore(place: S3Bucket, patience: Partial<S3Patience> = {}): ObjectStore {
  const client = connect(place, { ...usualPatience, ...patience });
  const { bucket: Bucket, prefix } = place;
  const at = (key: string): Target => {
    requireObjectKey(key);
    requireObjectKey(prefix + key);
    return { Bucket, Key: prefix + key };
  };
  const explained = <T>(key: string, doing: string, work: () => Promise<T>): Promise<T> =>
    work().catch((error) => {
      throw explainS3Failure(error, key, doing, place);
    });
  const readStream = async (key: string, range?: ByteRange): Promise<Readable | null> => {
    const target = at(key);
    requireByteRange(range);
    const explain = (error: unknown) => explainS3Failure(error, key, 'read', place);
    return explained(key, 'read', () => openBody(client, target, range, explain));
  };

  return {
    readStream,
    async write(key, body, options = {}) {
      const target = at(key);
      return explained(key, 'write', () => writeObject(client, target, body, options.if, tagsOf(place, key)));
    },
    async read(key, range) {
      const stream = await readStream(key, range);
      return stream === null ? null : buffer(stream);
    },
    async info(key) {
      const target = at(key);
      return explained(key, 'look at', () => objectInfo(client, target, key));
    },
    async list(keyPrefix, { after = '', limit = pageLimit } = {}) {
      requireKeyPrefix(keyPrefix);
      requirePageSize(limit);
      return explained(keyPrefix, 'list', () => listObjects(client, place, keyPrefix, after, limit));
    },
    async delete(key) {
      const target = at(key);
      await explained(key, 'delete', () => client.send(new DeleteObjectCommand(target)));
    },
  };
}

/** An object in the terms of S3. */
interface Target {
  Bucket: string;
  Key: string;
}

function connect({ endpoint, region }: S3Bucket, patience: S3Patience): S3Client {
  // Storages other than AWS have no host name for each bucket, and no regions.
  const elsewhere = endpoint === null ? {} : { endpoint, forcePathStyle: true, region: 'us-east-1' };
  return new S3Client({
    ...elsewhere,
    ...(region === null ? {} : { region }),
    maxAttempts: patience.tries,
    requestHandler: {
      connectionTimeout: patience.connectMilliseconds,
      socketTimeout: patience.silenceMilliseconds,
    },
  });
}

/** Metadata of every object: which write it is from. */
const markName = 'stillhouse-write';

/** A condition may meet another write that is under way, on which S3 asks for another try. */
const crossedTries = 8;
const crossedMilliseconds = 20;

async function writeObject(
  client: S3Client,
  target: Target,
  body: Uint8Array | string | Readable,
  condition: WriteOptions['if'],
  tags: { Tagging?: string },
): Promise<WriteOutcome> {
  const mark = randomUUID();
  const params = { ...target, ...headersOf(condition), ...tags, Body: body, Metadata: { [markName]: mark } };
  for (let round = 1; ; round++) {
    try {
      const { ETag } = await new Upload({ client, params, partSize: partBytes, queueSize: partsAtOnce }).done();
      return { kind: 'written', version: ETag! };
    } catch (error) {
      if (body instanceof Readable && body.errored === error) throw brokenBody(target, error);
      const isFirstTry = round === 1 && triesOf(error) === 1;
      const isRefused = conditionFailed(error, condition);
      if (isRefused && isFirstTry) return { kind: 'conflict' };
      // Or the upload was complete at an earlier try, and is no more an upload.
      const mayBeDone = isRefused || codeOf(error) === 'NoSuchUpload';
      if (mayBeDone && !isFirstTry) return settle(client, target, mark, condition, error);
      const isCrossed = condition !== undefined && statusOf(error) === 409;
      // A stream was read and cannot be sent again.
      if (!isCrossed || body instanceof Readable || round === crossedTries) throw error;
      await sleep(crossedMilliseconds * 2 ** round * Math.random());
    }
  }
}

/** Marks what a bucket on AWS may delete by its age. Other storages are left in peace: not all of them know tags. */
export function tagsOf({ endpoint }: S3Bucket, key: string): { Tagging?: string } {
  const isMarked = endpoint === null && parseCheckpointKey(key) !== null;
  return isMarked ? { Tagging: `${checkpointTag.key}=${checkpointTag.value}` } : {};
}

const headersOf = (condition: WriteOptions['if']): { IfNoneMatch?: '*'; IfMatch?: string } => {
  if (condition === undefined) return {};
  return condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.version };
};

/** Whether the condition did not hold: 412, or for an expected version 404, where nothing is stored. */
function conditionFailed(error: unknown, condition: WriteOptions['if']): boolean {
  if (condition === undefined) return false;
  return statusOf(error) === 412 || (condition !== 'absent' && codeOf(error) === 'NoSuchKey');
}

/** What became of a write of which an earlier try may have succeeded, although the last one was refused. */
async function settle(
  client: S3Client,
  target: Target,
  mark: string,
  condition: WriteOptions['if'],
  refusal: unknown,
): Promise<WriteOutcome> {
  const stored = await head(client, target);
  if (stored?.Metadata?.[markName] === mark) return { kind: 'written', version: stored.ETag! };
  // Keys that are created on this condition are not overwritten: what lies there won.
  if (stored !== null && condition === 'absent') return { kind: 'conflict' };
  throw new ObjectStoreError(
    `an answer was lost and object "${target.Key}" has changed since: whether this write took place is unknown; read it`,
    target.Key,
    undefined,
    { cause: refusal },
  );
}

const brokenBody = ({ Key }: Target, cause: unknown) =>
  new ObjectStoreError(`the body of object "${Key}" broke off; nothing was written`, Key, undefined, { cause });

/** @param explain makes the error that a reader of the stream gets */
async function openBody(
  client: S3Client,
  target: Target,
  range: ByteRange | undefined,
  explain: (error: unknown) => unknown,
): Promise<Readable | null> {
  const { start, end } = { start: 0, ...range };
  const get = (from: number, ofVersion?: string) =>
    client.send(
      new GetObjectCommand({
        ...target,
        ...(range === undefined && from === 0 ? {} : { Range: `bytes=${from}-${end ?? ''}` }),
        ...(ofVersion === undefined ? {} : { IfMatch: ofVersion }),
      }),
    );
  const first = await get(start).catch((error) => {
    if (codeOf(error) === 'NoSuchKey') return 'absent' as const;
    if (statusOf(error) === 416) return 'no bytes' as const;
    throw error;
  });
  if (first === 'absent') return null;
  if (first === 'no bytes') return Readable.from([]);
  const rest = (received: number) => get(start + received, first.ETag);
  return Readable.from(wholeBody(bodyOf(first), first.ContentLength!, rest, explain), { objectMode: false });
}

/** Connections that may carry one body. */
const bodyTries = 6;

/** The bytes of an answer; where the connection breaks the rest is asked for, of the same version. */
async function* wholeBody(
  first: Readable,
  sizeBytes: number,
  rest: (received: number) => Promise<GetObjectCommandOutput>,
  explain: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  let body = first;
  try {
    for (let breaks = 0; ; ) {
      const chunks = body[Symbol.asyncIterator]();
      const next = () => chunks.next().catch((error: unknown) => ({ error }));
      let read = await next();
      for (; !('error' in read) && !read.done; read = await next()) {
        received += read.value.length;
        yield read.value;
      }
      if (!('error' in read)) return;
      // With all bytes received it is the checksum that does not hold.
      if (received === sizeBytes || ++breaks === bodyTries) throw read.error;
      body = bodyOf(await rest(received));
    }
  } catch (error) {
    throw explain(error);
  } finally {
    body.destroy();
  }
}

/** A connection may break before anybody reads: the error then waits for the reader. */
function bodyOf({ Body }: GetObjectCommandOutput): Readable {
  return (Body as Readable).on('error', () => {});
}

/** null where nothing is stored. */
async function head(client: S3Client, target: Target): Promise<HeadObjectCommandOutput | null> {
  return client.send(new HeadObjectCommand(target)).catch((error) => {
    if (statusOf(error) === 404) return null;
    throw error;
  });
}

async function objectInfo(client: S3Client, target: Target, key: string): Promise<ObjectInfo | null> {
  const found = await head(client, target);
  if (found === null) return null;
  return { key, sizeBytes: found.ContentLength!, version: found.ETag!, modifiedAt: found.LastModified! };
}

async function listObjects(
  client: S3Client,
  { bucket, prefix }: S3Bucket,
  keyPrefix: string,
  after: string,
  limit: number,
): Promise<ListPage> {
  const page = await client.send(
    new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix + keyPrefix,
      MaxKeys: limit,
      ...(after === '' ? {} : { StartAfter: prefix + after }),
    }),
  );
  const objects = (page.Contents ?? []).map(({ Key, Size, ETag, LastModified }) => ({
    key: Key!.slice(prefix.length),
    sizeBytes: Size!,
    version: ETag!,
    modifiedAt: LastModified!,
  }));
  const last = objects.at(-1);
  return page.IsTruncated && last !== undefined ? { objects, next: last.key } : { objects };
}
