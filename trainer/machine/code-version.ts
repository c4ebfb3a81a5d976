import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import packageJson from '../../package.json';

const root = join(__dirname, '../..');

/**
 * Which program trains: the version of the package, and behind it the commit, `0.1.0+85a612e…`; `.dirty` where files were
 * changed since. The version alone where the program is in no checkout of its own.
 * @param commit of a program that was built without its history; null: the checkout is asked
 */
export async function codeVersion(commit: string | null, folder: string = root): Promise<string> {
  const found = commit ?? (await commitOf(folder));
  return found === null ? packageJson.version : `${packageJson.version}+${found}`;
}

async function commitOf(folder: string): Promise<string | null> {
  const words = ['describe', '--always', '--dirty=.dirty', '--abbrev=40', '--exclude=*'];
  // Not that of a repository the program was unpacked into; and it reads, so it waits for no lock.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(folder), GIT_OPTIONAL_LOCKS: '0' };
  try {
    const { stdout } = await promisify(execFile)('git', words, { cwd: folder, env, timeout: 10_000 });
    return stdout.trim();
  } catch {
    return null;
  }
}
