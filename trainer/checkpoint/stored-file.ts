import { createHash } from 'node:crypto';
import type { StoredFile } from '../../contract/records';

export const describeFile = (name: string, body: Uint8Array | string): StoredFile => ({
  name,
  sizeBytes: Buffer.byteLength(body),
  sha256: sha256(body),
});

/** How a body differs from the file that was written; null where it does not. */
export function faultOf({ sizeBytes, sha256: expected }: StoredFile, body: Uint8Array): string | null {
  if (body.byteLength !== sizeBytes) return `has ${body.byteLength} of ${sizeBytes} bytes`;
  return sha256(body) === expected ? null : 'is damaged (SHA-256 differs)';
}

const sha256 = (body: Uint8Array | string): string => createHash('sha256').update(body).digest('hex');
