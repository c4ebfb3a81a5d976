import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { hubFolder } from '../../../trainer/models/hub';
import { useTestFolder } from '../../testkit/test-folder';

/** A hub on this machine that speaks as much of the protocol as a download needs. */
describe('a model of the hub', () => {
  const cache = useTestFolder();
  let server: Server;
  let hubUrl: string;
  let requests: string[];
  let files: Record<string, string>;
  /** Bytes after which the connection breaks, by file. */
  let breaks: Record<string, number>;

  beforeEach(async () => {
    requests = [];
    breaks = {};
    files = {
      'owner/tiny/resolve/main/config.json': '{"model_type":"bert"}',
      'owner/tiny/resolve/main/model.safetensors': 'x'.repeat(100_000),
      'owner/tiny/resolve/main/vocab.txt': '[PAD]\n[UNK]\n',
    };
    server = createServer((request, response) => {
      const path = decodeURIComponent(request.url!.slice(1));
      requests.push(path);
      const body = files[path];
      if (body === undefined) {
        const known = Object.keys(files).some((file) => file.startsWith(path.split('/').slice(0, 4).join('/')));
        response.writeHead(404, { 'X-Error-Code': known ? 'EntryNotFound' : 'RepoNotFound' }).end();
        return;
      }
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
      const [first, last] = range
        ? [Number(range[1]), Math.min(Number(range[2]), body.length - 1)]
        : [0, body.length - 1];
      const part = body.slice(first, last + 1);
      response.writeHead(range ? 206 : 200, {
        ETag: '"1"',
        'Content-Length': part.length,
        ...(range ? { 'Content-Range': `bytes ${first}-${last}/${body.length}` } : {}),
      });
      const cut = breaks[path];
      if (cut === undefined || part.length < cut) response.end(part);
      else response.write(part.slice(0, cut), () => setTimeout(() => response.destroy(), 20));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    hubUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  const get = (location: string) => hubFolder(location, { cacheDirectory: cache.path(), hubUrl });
  const problemOf = async (location: string): Promise<string> => {
    const result = await get(location);
    return result.kind === 'invalid' ? result.problems.map(({ message }) => message).join() : `found ${result.value}`;
  };

  it('is downloaded once, with the files a teacher needs', async () => {
    const first = await get('hf:owner/tiny');
    if (first.kind === 'invalid') throw new Error(JSON.stringify(first.problems));
    expect(readdirSync(first.value).sort()).toEqual(['config.json', 'model.safetensors', 'vocab.txt']);
    expect(readFileSync(join(first.value, 'model.safetensors'), 'utf8')).toBe('x'.repeat(100_000));
    const asked = requests.length;
    expect(await get('hf:owner/tiny')).toEqual(first);
    expect(requests.length).toBe(asked);
  });

  it('is the same folder for two that ask at once', async () => {
    const [one, other] = await Promise.all([get('hf:owner/tiny'), get('hf:owner/tiny')]);
    expect(one.kind).toBe('valid');
    expect(other).toEqual(one);
    expect(readdirSync(join(cache.path(), 'hub'))).toHaveLength(1);
  });

  it('may be asked for at a revision', async () => {
    for (const name of ['config.json', 'model.safetensors']) files[`owner/tiny/resolve/v2.0/${name}`] = 'second';
    const result = await get('hf:owner/tiny@v2.0');
    expect(result.kind === 'valid' && readFileSync(join(result.value, 'config.json'), 'utf8')).toBe('second');
  });

  it('is not taken for whole where the download breaks off, and is downloaded again', async () => {
    breaks['owner/tiny/resolve/main/model.safetensors'] = 40_000;
    expect(await problemOf('hf:owner/tiny')).toContain('could not be downloaded');
    expect(readdirSync(join(cache.path(), 'hub'))).toEqual([]);
    breaks = {};
    expect((await get('hf:owner/tiny')).kind).toBe('valid');
  });

  it('is found without a connection once it is cached, and else is an error that says what to do', async () => {
    await get('hf:owner/tiny');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect((await get('hf:owner/tiny')).kind).toBe('valid');
    expect(await problemOf('hf:owner/other')).toMatch(
      /owner\/other@main is not in .* could not be downloaded .*ECONNREFUSED.*give the folder/,
    );
  });

  it('is an error where the hub does not know it or it has no safetensors', async () => {
    expect(await problemOf('hf:owner/unknown')).toContain('could not be downloaded');
    delete files['owner/tiny/resolve/main/model.safetensors'];
    expect(await problemOf('hf:owner/tiny')).toContain('owner/tiny@main has no model.safetensors');
    expect(existsSync(join(cache.path(), 'hub', 'owner--tiny@main'))).toBe(false);
  });

  it.each(['hf:', 'hf:name', 'hf:../../etc', 'hf:a/b/c', 'hf:a/..', 'hf:owner/name@'])(
    'is not named %s',
    async (location) => {
      expect(await problemOf(location)).toContain('is not of the form hf:owner/name');
    },
  );
});
