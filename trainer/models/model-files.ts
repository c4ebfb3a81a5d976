import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of a model's folder, wherever it lies. */
export interface ModelFiles {
  /** Location of the folder, for messages. */
  location: string;
  /** Content of a file; null if it does not exist. */
  read(file: string): Promise<Uint8Array | null>;
}

/** A folder of this machine. */
export const localFolder = (location: string): ModelFiles => ({
  location,
  read: (file) =>
    readFile(join(location, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
      throw error;
    }),
});

/** Content of a file as text; null if it does not exist. */
export async function readText({ read }: ModelFiles, file: string): Promise<string | null> {
  const body = await read(file);
  return body && Buffer.from(body).toString();
}
