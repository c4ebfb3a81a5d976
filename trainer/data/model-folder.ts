import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Checked } from '../../contract/run-spec';
import { cachePath, fetchFromHub } from './hub';

const weightsFile = 'model.safetensors';
/** What a teacher's folder holds. The weights come last: where they are, the rest has been asked for. */
const files = [
  { name: 'vocab.txt', required: false },
  { name: 'tokenizer.json', required: false },
  { name: 'tokenizer_config.json', required: false },
  { name: 'config.json', required: true },
  { name: weightsFile, required: true },
];

/** Whether a location names a model on the Hugging Face hub rather than a folder. */
export const isHubLocation = (location: string): boolean => location.startsWith('hf:');

/**
 * The local folder of the model `hf:owner/name` or `hf:owner/name@revision`, downloaded at the first use. A branch
 * (`main`, the default) is kept as it was then: name a commit or a tag to say which weights are meant.
 *
 * @param hubUrl another hub than huggingface.co
 */
export async function modelFolder(location: string, cacheDirectory: string, hubUrl?: string): Promise<Checked<string>> {
  const invalid = (message: string): Checked<string> => ({
    kind: 'invalid',
    problems: [{ path: 'teacher.location', message }],
  });
  const weights = cachePath(`${location}/${weightsFile}`, 'model', cacheDirectory);
  if (weights === null || !/^hf:[^/]+\/[^/]+$/.test(location))
    return invalid(`"${location}" is not of the form hf:owner/name or hf:owner/name@revision`);
  if (existsSync(weights)) return { kind: 'valid', value: dirname(weights) };
  for (const { name, required } of files) {
    const file = await fetchFromHub(`${location}/${name}`, 'model', cacheDirectory, hubUrl);
    if (file.kind === 'unavailable') return invalid(file.message);
    if (file.kind === 'absent' && required)
      return invalid(`${file.message}: a teacher is a BERT model saved as config.json and one ${weightsFile}`);
  }
  return { kind: 'valid', value: dirname(weights) };
}
