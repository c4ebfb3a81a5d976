import type { IncomingMessage } from 'node:http';

const localNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Whether a request may be answered. A browser names the page that sends a request: it must be one of this service,
 * since any page in the world may open a WebSocket to this machine. Where access is open, the service must also have
 * been addressed by a name of this machine, not by one that somebody has made to point here (DNS rebinding).
 */
export function isFromHere({ headers }: IncomingMessage, openAccess: boolean): boolean {
  const { host = '', origin } = headers;
  if (openAccess && !localNames.has(nameOf(host))) return false;
  return origin === undefined || originHost(origin) === host;
}

const nameOf = (host: string): string => host.replace(/:\d+$/, '');

function originHost(origin: string): string | null {
  try {
    return new URL(origin).host;
  } catch {
    return null;
  }
}
