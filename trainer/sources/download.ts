import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Writes a download to a temporary file, which takes its place when it is whole.
 * @param check throws where the file must not be taken although it is
 * @throws Error where it is not whole
 */
export async function saveDownload(
  body: Readable,
  sizeBytes: number,
  path: string,
  check: () => Promise<void> = async () => {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    await pipeline(body, createWriteStream(temporary, { flush: true }));
    const { size } = await stat(temporary);
    if (size !== sizeBytes) throw new Error(`${size} of ${sizeBytes} bytes arrived`);
    await check();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
