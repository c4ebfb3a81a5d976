import type { IncomingMessage } from 'node:http';
import { isThisMachine } from '../shared/this-machine';

/**
 * Whether a request may be answered. A browser names the page that sends a request: it must be one of this service,
 * since any page in the world may open a WebSocket to this machine. Where access is open, the service must also have
 * been addressed by a name of this machine, not by one that somebody has made to point here (DNS rebinding).
 */
export function isFromHere({ headers }: Pick<IncomingMessage, 'headers'>, openAccess: boolean): boolean {
  const { host = '', origin } = headers;
  const addressed = parseOrigin(`http://${host}`);
  if (openAccess && !(addressed !== null && isThisMachine(addressed.hostname))) return false;
  if (origin === undefined) return true;
  const page = parseOrigin(origin);
  // Parsed with the scheme of the page: its default port may be written in one and left out in the other.
  return page !== null && page.host === parseOrigin(`${page.protocol}//${host}`)?.host;
}

/** An origin with its host in lower case; null for a text with anything else in it, such as a path or a user name. */
function parseOrigin(text: string): URL | null {
  return /^https?:\/\/[^/?#@\\\s]+$/i.test(text) && URL.canParse(text) ? new URL(text) : null;
}
