/** The answer of a service, or of the gateway before it, that does not take a token. */
export interface Refusal {
  /** The token sent; null: none. */
  token: string | null;
  /** Body of the answer with status 401, as JSON; null where it is not JSON. */
  body: unknown;
  /** Its header `WWW-Authenticate`. */
  challenge: string | null;
}

/** Algorithms that the JWT authorizer of an HTTP API of API Gateway verifies. */
const gatewayAlgorithms = ['RS256', 'RS384', 'RS512'];

/**
 * Says why a token was not taken, and what helps. The service explains itself; the gateway of AWS answers a bare
 * "Unauthorized", so the token is read here. It is not verified: it only serves to explain.
 */
export function explainRefusal({ token, body, challenge }: Refusal, now = new Date()): string {
  const own = (body as { errors?: { message?: string }[] } | null)?.errors?.[0]?.message;
  if (own) return own;
  if (token === null) return 'the service asks for an access token';
  const jwt = readJwt(token);
  if (jwt === null) return 'the service takes tokens of its issuer alone (JWT), and this token is not one';
  const { algorithm, expiresAt, issuer, audience } = jwt;
  if (expiresAt !== null && expiresAt <= now) return `the token expired at ${expiresAt.toISOString()}: get a new one`;
  if (algorithm !== null && !gatewayAlgorithms.includes(algorithm))
    return `the token is signed with ${algorithm}, and API Gateway verifies ${gatewayAlgorithms.join(', ')} alone: have the issuer sign with RS256`;
  const said = /error_description="([^"]*)"/.exec(challenge ?? '')?.[1];
  return [
    `the gateway refused the token${said ? ` (${said})` : ''}`,
    `it is from the issuer ${issuer ?? 'nobody'} for the audience ${audience ?? 'nobody'}`,
    "compare these with the stack's parameters OidcIssuer and OidcAudience, letter by letter",
  ].join('; ');
}

/** Whether a token is a JWT whose time is over. */
export function isExpired(token: string, now = new Date()): boolean {
  const expiresAt = readJwt(token)?.expiresAt ?? null;
  return expiresAt !== null && expiresAt <= now;
}

interface Jwt {
  algorithm: string | null;
  issuer: string | null;
  audience: string | null;
  expiresAt: Date | null;
}

/** Header and claims of a token without a look at its signature; null where it is not a JWT. */
function readJwt(token: string): Jwt | null {
  const [header, claims, signature] = token.split('.');
  if (header === undefined || claims === undefined || signature === undefined) return null;
  try {
    const { alg } = decode(header);
    const { iss, aud, client_id: client, exp } = decode(claims);
    const text = (value: unknown) => (typeof value === 'string' ? value : null);
    return {
      algorithm: text(alg),
      issuer: text(iss),
      audience: Array.isArray(aud) ? aud.join(', ') : (text(aud) ?? text(client)),
      expiresAt: typeof exp === 'number' ? new Date(exp * 1000) : null,
    };
  } catch {
    return null;
  }
}

function decode(part: string): Record<string, unknown> {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
  const value = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof value !== 'object' || value === null) throw new Error('not an object');
  return value;
}
