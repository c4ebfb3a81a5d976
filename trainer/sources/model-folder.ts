import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { isS3Location } from '../../contract/objects/open-objects';
import type { Checked } from '../../contract/run-spec';
import { fetchFromBucket } from './bucket';
import { cachePath, fetchFromHub } from './hub';
import type { InputSources } from './sources';

const weightsFile = 'model.safetensors';
/** What a teacher's folder holds. The weights come last: where they are, the rest has been asked for. */
const files = [
  { name: 'vocab.txt', required: false },
  { name: 'tokenizer.json', required: false },
  { name: 'tokenizer_config.json', required: false },
  { name: 'config.json', required: true },
  { name: weightsFile, required: true },
];

/** The folder of a model on this machine: a path as it is, an `hf:` or `s3:` location downloaded. */
export async function modelFolder(location: string, sources: InputSources): Promise<Checked<string>> {
  if (location.startsWith('hf:')) return hubModelFolder(location, sources.cacheDirectory);
  return isS3Location(location) ? bucketModelFolder(location, sources) : { kind: 'valid', value: location };
}

/**
 * The local folder of the model `hf:owner/name` or `hf:owner/name@revision`, downloaded at the first use. A branch
 * (`main`, the default) is kept as it was then: name a commit or a tag to say which weights are meant.
 *
 * @param hubUrl another hub than huggingface.co
 */
export async function hubModelFolder(
  location: string,
  cacheDirectory: string,
  hubUrl?: string,
): Promise<Checked<string>> {
  const weights = cachePath(`${location}/${weightsFile}`, 'model', cacheDirectory);
  if (weights === null || !/^hf:[^/]+\/[^/]+$/.test(location))
    return invalid(`"${location}" is not of the form hf:owner/name or hf:owner/name@revision`);
  if (existsSync(weights)) return { kind: 'valid', value: dirname(weights) };
  for (const { name, required } of files) {
    const file = await fetchFromHub(`${location}/${name}`, 'model', cacheDirectory, hubUrl);
    if (file.kind === 'unavailable') return invalid(file.message);
    if (file.kind === 'absent' && required) return invalid(`${file.message}: ${whatATeacherIs}`);
  }
  return { kind: 'valid', value: dirname(weights) };
}

async function bucketModelFolder(location: string, sources: InputSources): Promise<Checked<string>> {
  const fetched = await fetchFromBucket(
    location,
    files.map(({ name }) => name),
    sources,
  );
  if (fetched.kind === 'unavailable') return invalid(fetched.message);
  const missing = files.filter(({ name, required }) => required && !fetched.names.includes(name));
  return missing.length === 0
    ? { kind: 'valid', value: fetched.folder }
    : invalid(`${location} has no ${missing.map(({ name }) => name).join(' and no ')}: ${whatATeacherIs}`);
}

const whatATeacherIs = `a teacher is a BERT model saved as config.json and one ${weightsFile}`;

const invalid = (message: string): Checked<string> => ({
  kind: 'invalid',
  problems: [{ path: 'teacher.location', message }],
});
