import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ObjectInfo, ObjectStore } from '../../contract/objects/object-store';
import { ObjectStoreError } from '../../contract/objects/object-store-error';
import { openObjects } from '../../contract/objects/open-objects';
import { parseS3Location } from '../../contract/objects/s3-location';
import { exists, saveDownload } from './download';
import type { InputSources } from './sources';

/** `unavailable`: the storage could not be asked, or the download broke off. */
export type BucketFiles = { kind: 'found'; folder: string; names: string[] } | { kind: 'unavailable'; message: string };

/**
 * Files below `s3://bucket/path`, from the cache or downloaded into it, and kept together in a folder that is named by
 * their versions: files that were overwritten are downloaded anew, and a run that reads the older ones keeps them.
 * @param wanted names of files; those that are not there are left out of `names`
 */
export async function fetchFromBucket(
  location: string,
  wanted: readonly string[],
  { cacheDirectory, s3 }: InputSources,
): Promise<BucketFiles> {
  const place = parseS3Location(location);
  if (place === null)
    return {
      kind: 'unavailable',
      message: `"${location}" is not of the form s3://bucket/path with letters, digits and "._=-"`,
    };
  try {
    const objects = await openObjects(location, s3);
    const found = (await Promise.all(wanted.map((name) => objects.info(name)))).filter((info) => info !== null);
    const versions = createHash('sha256').update(JSON.stringify(found.map(({ key, version }) => [key, version])));
    const folder = join(cacheDirectory, 's3', place.bucket, place.path, versions.digest('hex').slice(0, 16));
    for (const info of found) await download(objects, info, join(folder, info.key));
    return { kind: 'found', folder, names: found.map(({ key }) => key) };
  } catch (error) {
    if (error instanceof ObjectStoreError) return { kind: 'unavailable', message: error.message };
    return { kind: 'unavailable', message: `"${location}" could not be downloaded: ${(error as Error).message}` };
  }
}

async function download(objects: ObjectStore, { key, sizeBytes, version }: ObjectInfo, path: string): Promise<void> {
  if (await exists(path)) return;
  const body = await objects.readStream(key);
  if (body === null) throw new Error(`${key} was deleted meanwhile`);
  await saveDownload(body, sizeBytes, path, async () => {
    if ((await objects.info(key))?.version !== version)
      throw new Error(`${key} was overwritten meanwhile: start again`);
  });
}
