import type { Readable } from 'node:stream';

/** What is known of a stored object without reading it. `version` changes with every write. */
export interface ObjectInfo {
  key: string;
  sizeBytes: number;
  version: string;
  modifiedAt: Date;
}

/** `if`: write only where nothing is stored under the key ('absent'), or only over this version. */
export interface WriteOptions {
  if?: 'absent' | { version: string };
}

/** `conflict`: the condition did not hold and nothing was written. */
export type WriteOutcome = { kind: 'written'; version: string } | { kind: 'conflict' };

/** Bytes `start` to `end`, both included, as in HTTP. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface ListPage {
  objects: ObjectInfo[];
  /** Pass as `after` for the next page; absent on the last one. */
  next?: string;
}

/**
 * Objects under string keys: a bucket, or a directory with the same keys. A reader sees a whole object or none.
 * Keys are segments of letters, digits and `._=-`, joined by `/`; anything else throws.
 */
export interface ObjectStore {
  write(key: string, body: Uint8Array | string | Readable, options?: WriteOptions): Promise<WriteOutcome>;
  /** null where nothing is stored. A range that begins behind the end gives no bytes. */
  read(key: string, range?: ByteRange): Promise<Uint8Array | null>;
  readStream(key: string, range?: ByteRange): Promise<Readable | null>;
  info(key: string): Promise<ObjectInfo | null>;
  /** In ascending order of the key's bytes, those behind `after` first; at most `limit` (1 to 1,000, default 1,000). */
  list(prefix: string, options?: { after?: string; limit?: number }): Promise<ListPage>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
}

/** Objects that are read and not changed. */
export type ObjectReader = Omit<ObjectStore, 'write' | 'delete'>;
