/** What the dashboard agrees on with those who serve it: dashboard/serve.ts on one machine, cdk/page.ts on AWS. */

/** `/config.json`: how the page reaches its service, and how people sign in. */
export interface PageConfig {
  /** Address of GraphQL over HTTP, relative to the page. */
  api: string;
  /** Where subscriptions are answered: relative to the page, or `wss://...`. */
  socket: string;
  /** Seconds between two pings of a socket. API Gateway ends one after 10 quiet minutes, and bills each ping. */
  keepAliveSeconds: number;
  /** OpenID Connect issuer of the tokens; empty: none. */
  issuer: string;
  /** The page as a public client of that issuer; empty: nobody can sign in, and tokens are pasted. */
  clientId: string;
  /** Scopes that are asked for, separated by spaces; `openid` among them. */
  scopes: string;
  /** Further parameters of the authorization request, as in a query: `audience=https://api.example`. */
  parameters: string;
}

/** `npm run bundle` leaves the files of the page here. */
export const pageFolder = 'dist/dashboard';

export const pageFiles = {
  html: 'index.html',
  script: 'dashboard.js',
  styles: 'dashboard.css',
  icon: 'dashboard.svg',
  explorer: 'explorer.html',
  explorerScript: 'explorer.js',
  explorerStyles: 'explorer.css',
} as const;

export const configFile = 'config.json';

/**
 * Everything comes from the page's own server; no inline script, no frame, no form that leaves the page.
 *
 * @param connect origins, beside its own, that the page may ask: the socket's, the issuer's
 */
export const pagePolicy = (connect: readonly string[]): string =>
  policy(["script-src 'self'", "style-src 'self'", "img-src 'self' data:", connectSource(connect)]);

/** The explorer's editor writes styles at run time, and starts its workers from texts. */
export const explorerPolicy = (connect: readonly string[]): string =>
  policy([
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    'worker-src blob:',
    connectSource(connect),
  ]);

const connectSource = (origins: readonly string[]): string => ['connect-src', "'self'", ...origins].join(' ');

const policy = (sources: readonly string[]): string =>
  ["default-src 'none'", ...sources, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"].join('; ');

/** Headers of every file, beside the policy. */
export const pageHeaders = {
  'Cache-Control': 'no-cache',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;
