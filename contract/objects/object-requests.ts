import type { ByteRange } from './object-store';

const segmentPattern = /^[A-Za-z0-9._=-]+$/;

/** What S3 and the common file systems all take. */
const maximumKeyLength = 1024;
const maximumSegmentLength = 255;

/** One segment of a key: letters, digits and `._=-`, but neither `.` nor `..`. */
export function isKeySegment(segment: string): boolean {
  return segmentPattern.test(segment) && segment.length <= maximumSegmentLength && segment !== '.' && segment !== '..';
}

/** Throws unless `key` is segments joined by single slashes, with no slash at either end. */
export function requireObjectKey(key: string): void {
  if (key.length <= maximumKeyLength && key.split('/').every(isKeySegment)) return;
  throw new RangeError(
    `object key ${JSON.stringify(key)} is not allowed: use segments of letters, digits and "._=-" joined by "/", ` +
      `none of them "." or "..", at most ${maximumSegmentLength} characters a segment and ${maximumKeyLength} in all`,
  );
}

/** Throws unless `prefix` is the beginning of some key; the empty prefix is that of all. */
export function requireKeyPrefix(prefix: string): void {
  if (prefix !== '') requireObjectKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

/** The most objects on one page of a list. */
export const pageLimit = 1000;

/** Throws unless a page may have `limit` objects. */
export function requirePageSize(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= pageLimit) return;
  throw new RangeError(`limit ${limit} is not allowed: list 1 to ${pageLimit} objects a page`);
}

/** Throws unless `range` is missing or has whole numbers in order. */
export function requireByteRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  const { start, end } = range;
  if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && end >= start) return;
  throw new RangeError(`byte range ${start} to ${end} is not allowed: give whole numbers with 0 <= start <= end`);
}
