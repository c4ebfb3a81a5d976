import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { downloadFile } from '@huggingface/hub';
import type { Checked } from '../../contract/run-spec';

const requiredFiles = ['config.json', 'model.safetensors'];
/** A tokenizer needs one of the first two; what is there is taken. */
const optionalFiles = ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json'];
const requestTimeoutMilliseconds = 30 * 60_000;

export interface HubOptions {
  /** Folder that models are kept in; made if absent. */
  cacheDirectory: string;
  /** Another hub than huggingface.co. */
  hubUrl?: string;
}

/** Whether a location names a model on the Hugging Face hub rather than a folder. */
export const isHubLocation = (location: string): boolean => location.startsWith('hf:');

/**
 * The local folder of `hf:owner/name` or `hf:owner/name@revision`, downloaded at the first use. A branch (`main`, the
 * default) is kept as it was then: name a commit or a tag to say which weights are meant.
 *
 * Files are written to a folder that is renamed when all are whole, so an interrupted download is never taken for a model,
 * and of two processes that download at once both end with the same folder.
 */
export async function hubFolder(location: string, { cacheDirectory, hubUrl }: HubOptions): Promise<Checked<string>> {
  const invalid = (message: string): Checked<string> => ({
    kind: 'invalid',
    problems: [{ path: 'teacher.location', message }],
  });
  const match = /^hf:([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w./-]+))?$/.exec(location);
  if (match === null) return invalid(`"${location}" is not of the form hf:owner/name or hf:owner/name@revision`);
  const [, name, revision = 'main'] = match as unknown as [string, string, string | undefined];
  const folder = join(cacheDirectory, 'hub', `${name}@${revision}`.replaceAll('/', '--'));
  if (await exists(folder)) return { kind: 'valid', value: folder };

  const partial = `${folder}.partial-${randomUUID()}`;
  try {
    await mkdir(partial, { recursive: true });
    for (const path of [...requiredFiles, ...optionalFiles]) {
      const found = await download({ name, revision, path, to: join(partial, path), hubUrl });
      if (!found && requiredFiles.includes(path))
        return invalid(
          `${name}@${revision} has no ${path}: Stillhouse reads BERT models saved as one safetensors file`,
        );
    }
    // Where another process was faster the rename fails, and its folder is as good.
    await rename(partial, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
    return { kind: 'valid', value: folder };
  } catch (error) {
    return invalid(
      `${name}@${revision} is not in ${cacheDirectory} and could not be downloaded (${reasonOf(error)}): check name and ` +
        'connection, or download it on another machine and give the folder',
    );
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** False where the model has no such file; throws where it could not be had whole. */
async function download(file: {
  name: string;
  revision: string;
  path: string;
  to: string;
  hubUrl: string | undefined;
}): Promise<boolean> {
  const { name, revision, path, to, hubUrl } = file;
  const blob = await downloadFile({
    repo: { type: 'model', name },
    ...{ revision, path, hubUrl },
    fetch: (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(requestTimeoutMilliseconds) }),
  });
  if (blob === null) return false;
  await pipeline(Readable.fromWeb(blob.stream() as ReadableStream), createWriteStream(to, { flush: true }));
  const { size } = await stat(to);
  if (size !== blob.size) throw new Error(`${path} ended after ${size} of ${blob.size} bytes`);
  return true;
}

/** `fetch` says "fetch failed" and keeps what happened in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const { message: causeMessage = '', code = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  return [message, causeMessage || code].filter((part) => part !== '').join(': ');
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
