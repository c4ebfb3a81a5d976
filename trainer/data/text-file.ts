import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { FileProblems } from './file-problems';

/** A data set is held in memory several times over; one of this size would be a mistake or needs another program. */
const maximumSizeBytes = 512 * 1024 * 1024;

/** The text of a file without its byte order mark, and the SHA-256 of its bytes. */
export interface TextFile {
  text: string;
  sha256: string;
}

/** null where the file cannot be had, or is no text, with the reason in `problems`. */
export async function readTextFile(path: string, problems: FileProblems): Promise<TextFile | null> {
  const bytes = await readBytes(path, problems);
  if (bytes === null) return null;
  if (bytes.length === 0) problems.add(`"${path}" is empty`);
  else if (isUtf8(bytes))
    return {
      text: bytes.toString('utf8').replace(/^\uFEFF/, ''),
      sha256: createHash('sha256').update(bytes).digest('hex'),
    };
  else if (bytes.indexOf('fffe', 0, 'hex') === 0 || bytes.indexOf('feff', 0, 'hex') === 0)
    problems.add(`"${path}" is UTF-16: save it as UTF-8`);
  else problems.addAtLine(firstForeignLine(bytes), `bytes that are not UTF-8: save "${path}" as UTF-8`);
  return null;
}

async function readBytes(path: string, problems: FileProblems): Promise<Buffer | null> {
  try {
    const { size } = await stat(path);
    if (size <= maximumSizeBytes) return await readFile(path);
    problems.add(`"${path}" has ${size} bytes, more than the ${maximumSizeBytes} that are read: use a part of it`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') problems.add(`"${path}" does not exist: give the absolute path of a file`);
    else if (code === 'EISDIR') problems.add(`"${path}" is a folder: give the path of a file`);
    else problems.add(`"${path}" cannot be read: ${message}`);
  }
  return null;
}

/** Number of the first line, counted from 1, that is not UTF-8. */
function firstForeignLine(bytes: Buffer): number {
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}
