import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { type Request, type Response, Router } from 'express';
import { configFile, explorerPolicy, type PageConfig, pageFiles, pageHeaders, pagePolicy } from '../contract/page';
import { dashboardFiles, explorerFiles, type Files } from './files';

export interface PageOptions {
  config: PageConfig;
  /** Origins of the issuer that the page asks: of its configuration, its tokens. */
  issuerOrigins(): Promise<readonly string[]>;
}

interface Asset {
  contentType: string;
  etag: string;
  bodies: Record<'br' | 'gzip' | 'identity', Buffer>;
}
type Assets = ReadonlyMap<string, Asset>;

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const dashboardPaths = [pageFiles.html, pageFiles.script, pageFiles.styles, pageFiles.icon].map((name) => `/${name}`);
const explorerPaths = [pageFiles.explorer, pageFiles.explorerScript, pageFiles.explorerStyles].map(
  (name) => `/${name}`,
);

/**
 * The dashboard at `/`, the explorer at `/explorer`, and their configuration. Their files are bundled in memory when
 * one is first asked for and kept, so there is no build step and no folder of outputs.
 */
export function dashboardRoutes({ config, issuerOrigins }: PageOptions): Router {
  const router = Router();
  const serve = (paths: string[], alias: string, policyOf: typeof pagePolicy, assetsOf: () => Promise<Assets>) => {
    router.get([...paths, alias], async (request, response) => {
      const assets = await assetsOf();
      const name = request.path === alias ? paths[0]! : request.path;
      response.set('Content-Security-Policy', policyOf(await issuerOrigins()));
      send(request, response, assets.get(name.slice(1))!);
    });
  };
  serve(
    dashboardPaths,
    '/',
    pagePolicy,
    once(async () => assetsOf(await dashboardFiles(), 9)),
  );
  // A quick compression: three quarters are gone with it, and a person waits.
  serve(
    explorerPaths,
    '/explorer',
    explorerPolicy,
    once(async () => assetsOf(await explorerFiles(), 1)),
  );
  router.get(`/${configFile}`, (_request, response) => {
    response.set(pageHeaders).json(config);
  });
  return router;
}

/** The first outcome for all calls; a failure is not kept, so that the next call tries again. */
function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
}

function send(request: Request, response: Response, { contentType, etag, bodies }: Asset): void {
  const accepted = request.acceptsEncodings('br', 'gzip', 'identity') || 'identity';
  const encoding = accepted as keyof typeof bodies;
  response.set({ ...pageHeaders, 'Content-Type': contentType, ETag: `W/${etag}`, Vary: 'Accept-Encoding' });
  if (encoding !== 'identity') response.set('Content-Encoding', encoding);
  // Answers 304 where the browser has it already.
  response.send(bodies[encoding]);
}

/** @param level of compression, 1 to 9 */
async function assetsOf(files: Files, level: number): Promise<Assets> {
  const entries = [...files].map(async ([name, contents]): Promise<[string, Asset]> => {
    const identity = Buffer.from(contents);
    const [br, zipped] = await Promise.all([
      promisify(brotliCompress)(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: level } }),
      promisify(gzip)(identity, { level }),
    ]);
    const etag = `"${createHash('sha256').update(identity).digest('base64url').slice(0, 22)}"`;
    return [name, { contentType: contentTypes[extname(name)]!, etag, bodies: { br, gzip: zipped, identity } }];
  });
  return new Map(await Promise.all(entries));
}
