import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hubModelFolder } from '../../../trainer/sources/model-folder';
import { LocalHub } from '../../testkit/local-hub';
import { useTestFolder } from '../../testkit/test-folder';

const cache = useTestFolder();
const weights = 'x'.repeat(100_000);
let files: Record<string, string>;
let hub: LocalHub;
let url: string;
beforeEach(async () => {
  files = { 'main/config.json': '{}', 'main/model.safetensors': weights, 'main/vocab.txt': '[PAD]' };
  hub = new LocalHub('/owner/tiny', files);
  url = await hub.start();
});
afterEach(() => hub.stop());

const get = (location = 'hf:owner/tiny') => hubModelFolder(location, cache.path(), url);
const problemOf = async (location?: string): Promise<string> => {
  const result = await get(location);
  return result.kind === 'invalid' ? result.problems.map(({ message }) => message).join() : `found ${result.value}`;
};

test('a model is downloaded once, with the files a teacher needs', async () => {
  const first = await get();
  if (first.kind === 'invalid') throw new Error(JSON.stringify(first.problems));
  const { requests } = hub;

  expect(readdirSync(first.value).sort()).toEqual(['config.json', 'model.safetensors', 'vocab.txt']);
  expect(readFileSync(join(first.value, 'model.safetensors'), 'utf8')).toBe(weights);
  expect(await get()).toEqual(first);
  expect(hub.requests).toBe(requests);
});

test('a revision has a folder of its own', async () => {
  for (const name of ['config.json', 'model.safetensors']) files[`v2.0/${name}`] = 'second';
  const [main, second] = [await get(), await get('hf:owner/tiny@v2.0')];

  expect(second.kind === 'valid' && readFileSync(join(second.value, 'config.json'), 'utf8')).toBe('second');
  expect(second).not.toEqual(main);
});

test('a model whose download broke off is not there, and is downloaded again', async () => {
  hub.halfway = 'breaks off';
  expect(await problemOf()).toContain('could not be downloaded');
  hub.halfway = 'goes on';

  expect((await get()).kind).toBe('valid');
});

test('a cached model needs no connection, and another says what to do', async () => {
  await get();
  await hub.stop();

  expect((await get()).kind).toBe('valid');
  expect(await problemOf('hf:owner/other')).toMatch(/not in the cache.*fetch failed.*put the file at/);
});

test('a model without safetensors, or unknown to the hub, is an error that says so', async () => {
  expect(await problemOf('hf:someone/else')).toMatch(/no public model someone\/else.*check the spelling/);
  delete files['main/model.safetensors'];

  expect(await problemOf()).toMatch(/owner\/tiny@main has no file model.safetensors.*one model.safetensors/);
});

test.each(['hf:', 'hf:name', 'hf:../../etc', 'hf:a/b/c', 'hf:a/..', 'hf:owner/name@'])(
  '%s is refused before anything is asked',
  async (location) => {
    expect(await problemOf(location)).toContain('is not of the form hf:owner/name');
    expect(hub.requests).toBe(0);
    expect(existsSync(join(cache.path(), 'hub'))).toBe(false);
  },
);
