import { statSync } from 'node:fs';
import { ObjectStoreError } from './object-store-error';

/** Whether the error of a file operation says that nothing is there. */
export function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * The failure of a file operation on an object below `directory`, with what to do about it. Other errors, such as that
 * of a broken body, pass as they are.
 */
export function explainFailure(error: unknown, key: string, doing: string, directory: string): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) return error;
  const usable = `see that ${directory} is a folder that can be read and written`;
  const advice = code === 'ENOTDIR' && !isFolder(directory) ? usable : (adviceFor[code] ?? usable);
  return new ObjectStoreError(`cannot ${doing} object "${key}" in ${directory}: ${advice} (${message})`, key, code, {
    cause: error,
  });
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

const isFolderOfKeys = 'its key is the folder of another object, or lies below an object: use another key';
const adviceFor: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space, then try again; nothing was written',
  EDQUOT: 'the disk quota is used up: free some space, then try again; nothing was written',
  EFBIG: 'the object is larger than this process or file system may write; nothing was written',
  EACCES: 'this process may not do so: change the owner or the rights of the folder',
  EPERM: 'the file system refuses: use one that has hard links and symbolic links, or change the rights of the folder',
  EROFS: 'the file system is read-only: use another folder',
  EXDEV: 'the folder holds more than one file system: keep all of it on one',
  EMFILE: 'this process has too many files open: raise the limit (ulimit -n)',
  EISDIR: isFolderOfKeys,
  EEXIST: isFolderOfKeys,
  ENOTDIR: isFolderOfKeys,
};
