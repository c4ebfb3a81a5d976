import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchFromHub } from '../../../trainer/sources/hub';
import { locateFile } from '../../../trainer/sources/input-file';
import { sourcesIn } from '../../testkit/input-sources';
import { LocalHub } from '../../testkit/local-hub';
import { useTestFolder } from '../../testkit/test-folder';

const folder = useTestFolder();
const large = 'text,label\n'.repeat(50_000);
let hub: LocalHub;
let url: string;
beforeEach(async () => {
  hub = new LocalHub('/datasets/owner/name', {
    'main/data/train.csv': large,
    'v2/data/train.csv': 'of another revision',
  });
  url = await hub.start();
});
afterEach(() => hub.stop());

const fetchTrain = (location = 'hf:owner/name/data/train.csv') => fetchFromHub(location, 'dataset', folder.path(), url);

test('downloads a file once, then has it without asking', async () => {
  const first = await fetchTrain();
  const requests = hub.requests;
  const second = await fetchTrain();

  expect(first).toEqual({ kind: 'found', path: join(folder.path(), 'hub/datasets/owner/name/main/data/train.csv') });
  expect(second).toEqual(first);
  expect(hub.requests).toBe(requests);
  expect(first.kind === 'found' && readFileSync(first.path, 'utf8')).toBe(large);
});

test('keeps revisions apart', async () => {
  await fetchTrain();
  const other = await fetchTrain('hf:owner/name@v2/data/train.csv');

  expect(other.kind === 'found' && readFileSync(other.path, 'utf8')).toBe('of another revision');
});

test('several who want one file at once all get it whole', async () => {
  const files = await Promise.all([fetchTrain(), fetchTrain(), fetchTrain()]);

  for (const file of files) expect(file.kind === 'found' && readFileSync(file.path, 'utf8')).toBe(large);
});

test.each(['breaks off', 'ends'] as const)('half a download (%s) is never taken for a whole one', async (halfway) => {
  hub.halfway = halfway;
  const broken = await fetchTrain();
  hub.halfway = 'goes on';

  expect(broken).toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining('hf:owner/name/data/train.csv'),
  });
  expect(readdirSync(join(folder.path(), 'hub/datasets/owner/name/main/data'))).toEqual([]);
  expect(await fetchTrain()).toMatchObject({ kind: 'found' });
});

test('says which file or repository the hub does not have', async () => {
  expect(await fetchTrain('hf:owner/name/data/tset.csv')).toEqual({
    kind: 'absent',
    message: "the hub's dataset owner/name@main has no file data/tset.csv",
  });
  expect(await fetchTrain('hf:someone/else/train.csv')).toMatchObject({
    kind: 'absent',
    message: expect.stringMatching(/no public dataset someone\/else.*status 401/),
  });
});

test('offline, a cached file is found and another says what to do', async () => {
  await fetchTrain();
  await hub.stop();

  expect(await fetchTrain()).toMatchObject({ kind: 'found' });
  expect(await fetchTrain('hf:owner/name/data/test.csv')).toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(/not in the cache.*ECONNREFUSED.*put the file at .*main\/data\/test.csv/),
  });
});

test.each(['hf:owner/name', 'hf:owner', 'hf:owner/name/', 'hf:owner/name/../x', 'hf:../name/x', 'hf:owner/name@../x'])(
  'refuses the location %s',
  async (location) => {
    expect(await fetchTrain(location)).toMatchObject({
      kind: 'absent',
      message: expect.stringContaining('names no file'),
    });
    expect(hub.requests).toBe(0);
    expect(existsSync(join(folder.path(), 'hub'))).toBe(false);
  },
);

test('a path is taken as it is', async () => {
  expect(await locateFile('/some/train.csv', 'dataset', sourcesIn(folder.path()))).toEqual({
    kind: 'found',
    path: '/some/train.csv',
  });
});
