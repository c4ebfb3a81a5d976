import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { checkpointTag, parseCheckpointKey } from '../keys';
import type { ObjectStore, WriteOptions, WriteOutcome } from './object-store';
import { ObjectStoreError } from './object-store-error';
import { codeOf, statusOf, triesOf } from './s3-failure';
import type { S3Bucket } from './s3-location';
import { head, openBucket, type S3Patience, type Target } from './s3-reader';

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
  const { client, at, explained, reader } = openBucket(place, patience);
  return {
    ...reader,
    async write(key, body, options = {}) {
      const target = at(key);
      return explained(key, 'write', () => writeObject(client, target, body, options.if, tagsOf(place, key)));
    },
    async delete(key) {
      const target = at(key);
      await explained(key, 'delete', () => client.send(new DeleteObjectCommand(target)));
    },
  };
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
