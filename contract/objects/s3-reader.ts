import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { pageLimit, requireByteRange, requireKeyPrefix, requireObjectKey, requirePageSize } from './object-requests';
import type { ByteRange, ListPage, ObjectInfo, ObjectReader } from './object-store';
import { codeOf, explainS3Failure, statusOf } from './s3-failure';
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

/** As `s3ObjectStore` (s3.ts), for whoever may only read: a program with this alone holds no code that writes. */
export const s3ObjectReader = (place: S3Bucket): ObjectReader => openBucket(place, {}).reader;

/** What reading and writing share: the client, keys as S3 has them, and failures in words. */
export function openBucket(place: S3Bucket, patience: Partial<S3Patience>) {
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

  const reader: ObjectReader = {
    readStream,
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
  };
  return { client, at, explained, reader };
}

/** An object in the terms of S3. */
export interface Target {
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
export async function head(client: S3Client, target: Target): Promise<HeadObjectCommandOutput | null> {
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
