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
