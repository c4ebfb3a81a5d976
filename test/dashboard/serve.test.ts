import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import express from 'express';
import type { PageConfig } from '../../contract/page';
import { dashboardRoutes } from '../../dashboard/serve';

const config: PageConfig = {
  api: '/graphql',
  socket: '/graphql',
  keepAliveSeconds: 12,
  issuer: 'https://issuer.example',
  clientId: 'dashboard',
  scopes: 'openid',
  parameters: '',
};

let server: Server;
let port: number;
beforeAll(async () => {
  server = createServer(
    express().use(
      dashboardRoutes({ config, issuerOrigins: async () => ['https://issuer.example', 'https://tokens.example'] }),
    ),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** As sent: `fetch` would undo the encoding. */
function get(path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>((resolve, reject) => {
    request({ port, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    })
      .on('error', reject)
      .end();
  });
}

describe('the pages of the dashboard', () => {
  it('load nothing but themselves', async () => {
    const html = (await get('/')).body.toString();
    const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address!);
    expect(addresses).toEqual(expect.arrayContaining(['/dashboard.js', '/dashboard.css', '/dashboard.svg']));
    for (const address of addresses) expect((await get(address)).status).toBe(200);
    expect(html).not.toMatch(/<style|<script[^>]*>[^<]/);
    const styles = (await get('/dashboard.css')).body.toString();
    expect(styles).not.toMatch(/@import|url\(/);
    expect(styles).toContain('--series-0');
  });

  it('forbid the browser everything else', async () => {
    const { headers } = await get('/');
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
    expect(headers['content-security-policy']).not.toMatch(/unsafe|\*/);
    expect(headers['content-security-policy']).toContain(
      "connect-src 'self' https://issuer.example https://tokens.example;",
    );
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it.each(['br', 'gzip'] as const)('are compressed with %s', async (encoding) => {
    const plain = await get('/dashboard.js');
    const compressed = await get('/dashboard.js', { 'accept-encoding': encoding });
    expect(compressed.headers['content-encoding']).toBe(encoding);
    const unpacked = { br: brotliDecompressSync, gzip: gunzipSync }[encoding](compressed.body);
    expect(unpacked.equals(plain.body)).toBe(true);
  });

  it('are small', async () => {
    const { body } = await get('/dashboard.js', { 'accept-encoding': 'br' });
    expect(body.length).toBeLessThan(70_000);
  });

  it('are not sent again to a browser that has them', async () => {
    const { headers } = await get('/dashboard.js');
    const again = await get('/dashboard.js', { 'if-none-match': String(headers.etag) });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });

  it('give the address of the service and the settings of sign-in', async () => {
    const { headers, body } = await get('/config.json');
    expect(JSON.parse(body.toString())).toEqual(config);
    expect(headers['cache-control']).toBe('no-cache');
  });

  it('leave all other addresses to the service', async () => {
    expect((await get('/graphql')).status).toBe(404);
  });
});
