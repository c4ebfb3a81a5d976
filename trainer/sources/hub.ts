import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { downloadFile } from '@huggingface/hub';
import { exists, saveDownload } from './download';

export type HubRepositoryType = 'model' | 'dataset';

/** `absent`: the hub says there is no such file. `unavailable`: it could not be asked, or the download broke off. */
export type HubFile =
  | { kind: 'found'; path: string }
  | { kind: 'absent'; message: string }
  | { kind: 'unavailable'; message: string };

/** `hf:owner/name/path/to/file`, or with a revision `hf:owner/name@revision/path/to/file`. */
const locationPattern = /^hf:([\w.-]+\/[\w.-]+)(?:@([\w.-]+))?\/(.+)$/;

/**
 * A file of the Hugging Face hub, from `cacheDirectory` or downloaded into it.
 *
 * A file that is cached is never asked for again, so a run does not change under its resumption and works offline;
 * delete it to follow a branch. A download goes to a temporary file, whose size is compared with what the hub
 * announced before it takes its place: what is in the cache is whole. A connection that stalls ends by the limits
 * of fetch, five minutes.
 *
 * @param location `hf:owner/name/path`, or `hf:owner/name@revision/path` for a branch, tag or commit other than main.
 * @param hubUrl A mirror of the hub; huggingface.co by default.
 */
export async function fetchFromHub(
  location: string,
  type: HubRepositoryType,
  cacheDirectory: string,
  hubUrl?: string,
): Promise<HubFile> {
  const cached = cachePath(location, type, cacheDirectory);
  if (cached === null)
    return {
      kind: 'absent',
      message: `"${location}" names no file: write hf:owner/name/path, or hf:owner/name@revision/path`,
    };
  const { name, revision, path } = partsOf(location)!;
  if (await exists(cached)) return { kind: 'found', path: cached };
  try {
    const body = await downloadFile({ repo: { type, name }, revision, path, hubUrl });
    if (body === null) return { kind: 'absent', message: `the hub's ${type} ${name}@${revision} has no file ${path}` };
    await saveDownload(Readable.fromWeb(body.stream() as ReadableStream), body.size, cached);
    return { kind: 'found', path: cached };
  } catch (error) {
    const status = (error as { statusCode?: number }).statusCode;
    // The hub answers 401 for a repository that does not exist, so as not to tell of private ones.
    if (status === 401 || status === 403 || status === 404)
      return {
        kind: 'absent',
        message: `the hub has no public ${type} ${name} with revision ${revision} (status ${status}): check the spelling of "${location}"`,
      };
    return {
      kind: 'unavailable',
      message: `"${location}" is not in the cache and could not be downloaded (${reasonOf(error)}): check the connection, or put the file at ${cached}`,
    };
  }
}

/** Where a file of the hub is kept once it is downloaded; null for a location that names none. */
export function cachePath(location: string, type: HubRepositoryType, cacheDirectory: string): string | null {
  const parts = partsOf(location);
  return parts && join(cacheDirectory, 'hub', `${type}s`, parts.name, parts.revision, parts.path);
}

function partsOf(location: string): { name: string; revision: string; path: string } | null {
  const match = locationPattern.exec(location);
  if (match === null || /[:/@]\.\.?(\/|$)/.test(location)) return null;
  const [, name, revision = 'main', path] = match as unknown as [string, string, string | undefined, string];
  return { name, revision, path };
}

/** fetch says "fetch failed" and keeps the reason as its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause === undefined ? message : `${message}: ${cause.message || cause.code}`;
}
