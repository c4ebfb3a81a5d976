const names = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Whether a host names this machine alone, however it is written: `LOCALHOST`, `localhost.`, `127.1`, `[0:0:0:0:0:0:0:1]`.
 * @param host as in a URL, or an IPv6 address without brackets; without a port
 */
export function isThisMachine(host: string): boolean {
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return URL.canParse(`http://${bracketed}`) && names.has(new URL(`http://${bracketed}`).hostname.replace(/\.$/, ''));
}
