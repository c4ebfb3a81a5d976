import { basename, dirname, join } from 'node:path';
import { isS3Location } from '../../contract/objects/open-objects';
import { fetchFromBucket } from './bucket';
import { fetchFromHub, type HubFile, type HubRepositoryType } from './hub';
import type { InputSources } from './sources';

/** A file of a run's inputs on this machine: a path as it is, an `hf:` or `s3:` location downloaded. */
export async function locateFile(location: string, type: HubRepositoryType, sources: InputSources): Promise<HubFile> {
  if (location.startsWith('hf:')) return fetchFromHub(location, type, sources.cacheDirectory);
  return isS3Location(location) ? fetchFile(location, sources) : { kind: 'found', path: location };
}

async function fetchFile(location: string, sources: InputSources): Promise<HubFile> {
  const name = basename(location);
  const files = await fetchFromBucket(dirname(location), [name], sources);
  if (files.kind === 'unavailable') return files;
  return files.names.includes(name)
    ? { kind: 'found', path: join(files.folder, name) }
    : { kind: 'absent', message: `there is no object "${location}": check its spelling` };
}
