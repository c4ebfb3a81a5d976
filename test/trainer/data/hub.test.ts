import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fetchFromHub, locateFile } from '../../../trainer/data/hub';
import { useTestFolder } from '../../testkit/test-folder';

/**
 * A hub of one data set on this machine, over real HTTP: `resolve` URLs, ranges, ETag and X-Error-Code as the hub
 * answers them. In the middle of a body it can close the connection, or end the answer as if that were all.
 */
class LocalHub {
  requests = 0;
  halfway: 'goes on' | 'breaks off' | 'ends' = 'goes on';
  private readonly server: Server = createServer((request, response) => this.answer(request, response));

  constructor(private readonly files: Readonly<Record<string, string>>) {}

  async start(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private answer(request: { url?: string; headers: { range?: string } }, response: ServerResponse): void {
    this.requests++;
    const path = decodeURIComponent(request.url ?? '');
    if (!path.startsWith('/datasets/owner/name/')) {
      response.writeHead(401).end('Repository not found');
      return;
    }
    const content = this.files[path.replace('/datasets/owner/name/resolve/', '')];
    if (content === undefined) {
      response.writeHead(404, { 'X-Error-Code': 'EntryNotFound' }).end();
      return;
    }
    const body = Buffer.from(content);
    if (request.headers.range === 'bytes=0-0') {
      response.writeHead(206, { ETag: '"1"', 'Content-Range': `bytes 0-0/${body.length}` }).end(body.subarray(0, 1));
      return;
    }
    const half = body.subarray(0, body.length / 2);
    if (this.halfway === 'ends') response.writeHead(200, { ETag: '"1"' }).end(half);
    else response.writeHead(200, { ETag: '"1"', 'Content-Length': body.length });
    if (this.halfway === 'goes on') response.end(body);
    else if (this.halfway === 'breaks off') response.write(half, () => response.destroy());
  }
}

const folder = useTestFolder();
const large = 'text,label\n'.repeat(50_000);
let hub: LocalHub;
let url: string;
beforeEach(async () => {
  hub = new LocalHub({ 'main/data/train.csv': large, 'v2/data/train.csv': 'of another revision' });
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
  expect(await locateFile('/some/train.csv', 'dataset', folder.path())).toEqual({
    kind: 'found',
    path: '/some/train.csv',
  });
});
