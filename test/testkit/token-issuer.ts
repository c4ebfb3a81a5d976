import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An OIDC issuer on this machine: its configuration, its published keys, and tokens signed by them. */
export interface TokenIssuer {
  /** `iss`: http://127.0.0.1:<port> */
  address: string;
  /** How often each path was asked for. */
  asked: Record<string, number>;
  /** A token of an editor for `stillhouse`, valid for an hour, with the claims given beside or instead. */
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>): string;
  /** From now on tokens are signed by a new key; `published`: and the issuer says so. */
  rotate(published: boolean): void;
  close(): Promise<void>;
}

interface Key {
  kid: string;
  private: KeyObject;
  jwk: object;
}

function createKey(kid: string): Key {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
  return { kid, private: pair.privateKey, jwk };
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export async function startTokenIssuer(): Promise<TokenIssuer> {
  let key = createKey('first');
  let published = [key];
  const asked: Record<string, number> = {};
  const server: Server = createServer((request, response) => {
    const path = request.url ?? '';
    asked[path] = (asked[path] ?? 0) + 1;
    response.setHeader('content-type', 'application/json');
    if (path === '/.well-known/openid-configuration')
      response.end(JSON.stringify({ issuer: address, jwks_uri: `${address}/keys` }));
    else if (path === '/keys') response.end(JSON.stringify({ keys: published.map(({ jwk }) => jwk) }));
    else response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    asked,
    token(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000);
      const all = {
        iss: address,
        sub: 'ann',
        aud: 'stillhouse',
        roles: ['editor'],
        iat: now,
        exp: now + 3600,
        ...claims,
      };
      const body = `${encoded({ alg: 'RS256', typ: 'JWT', kid: key.kid, ...header })}.${encoded(all)}`;
      return `${body}.${sign('sha256', Buffer.from(body), key.private).toString('base64url')}`;
    },
    rotate(publish) {
      key = createKey('second');
      if (publish) published = [...published, key];
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
