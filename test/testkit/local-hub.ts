import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A hub with one repository on this machine, over real HTTP: `resolve` URLs, ranges, ETag and X-Error-Code as the hub
 * answers them. In the middle of a body it can close the connection, or end the answer as if that were all.
 */
export class LocalHub {
  requests = 0;
  halfway: 'goes on' | 'breaks off' | 'ends' = 'goes on';
  private readonly server: Server = createServer((request, response) => this.answer(request, response));

  /**
   * @param repository path of its pages: `/owner/name` for a model, `/datasets/owner/name` for a data set
   * @param files contents by revision and path: `main/config.json`
   */
  constructor(
    private readonly repository: string,
    private readonly files: Record<string, string>,
  ) {}

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
    const path = decoded(request.url ?? '');
    if (path === null || !path.startsWith(`${this.repository}/`)) {
      response.writeHead(401).end('Repository not found');
      return;
    }
    const content = this.files[path.replace(`${this.repository}/resolve/`, '')];
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

function decoded(target: string): string | null {
  try {
    return decodeURIComponent(target);
  } catch {
    return null;
  }
}
