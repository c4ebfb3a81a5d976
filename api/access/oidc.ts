import { JwtVerifier } from 'aws-jwt-verify';
import {
  JwtBaseError,
  JwtExpiredError,
  JwtInvalidIssuerError,
  JwtNotBeforeError,
  KidNotFoundInJwksError,
  WaitPeriodNotYetEndedJwkError,
} from 'aws-jwt-verify/error';
import type { Fetcher } from 'aws-jwt-verify/https';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import type { JwtPayload } from 'aws-jwt-verify/jwt-model';
import { z } from 'zod';
import { isWellFormed } from '../../contract/well-formed';
import { isThisMachine } from '../shared/this-machine';
import { type Authentication, type Role, refused, roles } from '../shared/viewer';

/** Whose tokens are taken, and what they say about roles. */
export interface OidcOptions {
  /** `iss` of the tokens. Its keys are found by `/.well-known/openid-configuration` behind it. */
  issuer: string;
  /** For whom tokens must be meant: in `aud`, or `client_id` of an access token of Amazon Cognito, which has no `aud`. */
  audience: string;
  /** A claim with one text or a list of them; dots lead into objects (`realm_access.roles`). */
  roleClaim: string;
  /** What values of that claim mean; of several the role that may do most counts. */
  roles: ReadonlyMap<string, Role>;
}

export const defaultRoleClaim = 'roles';

/** Clocks of issuer and service may differ by so much. */
const clockSkewSeconds = 60;
const fetchMilliseconds = 5_000;

/** Reads `value=role` entries separated by commas; an empty text takes the names of the roles themselves. */
export const roleMappingSchema = z
  .string()
  .default('')
  .transform((text, context) => {
    const mapping = new Map<string, Role>();
    for (const entry of text.split(',').filter((part) => part.trim() !== '')) {
      const [, value = '', name] = /^\s*(.+?)\s*=\s*([^=]*?)\s*$/.exec(entry) ?? [];
      const role = roles.find((known) => known === name);
      if (role === undefined)
        context.addIssue({ code: 'custom', message: `"${entry.trim()}" must be value=role, role ${roles.join(', ')}` });
      else mapping.set(value, role);
    }
    return mapping.size > 0 ? mapping : new Map<string, Role>(roles.map((role) => [role, role]));
  });

/** Addresses of an issuer: encrypted, but for one on this machine. */
export const issuerSchema = z
  .url({ error: 'must be the address of the issuer, as in https://issuer.example', abort: true })
  .refine((text) => new URL(text).protocol === 'https:' || isThisMachine(new URL(text).hostname), {
    error: 'must begin with https:// unless it is on this machine',
  });

/**
 * Verifies tokens of an issuer: signature by its published keys (RSA, ECDSA, EdDSA; cached, fetched again for a key
 * that is not among them), issuer, audience, expiry. A refusal says what was given and what is expected, from claims
 * whose signature held; the token itself is never told.
 * @returns how to verify a token; it throws where the issuer cannot be reached
 */
export function createTokenVerifier(options: OidcOptions): (token: string) => Promise<Authentication> {
  const { issuer } = options;
  let verifier: Promise<Verifier> | null = null;
  return async (token) => {
    verifier ??= createVerifier(issuer);
    try {
      const ready = await verifier.catch((error) => {
        verifier = null;
        throw error;
      });
      return admit(await ready.verify(token), options);
    } catch (error) {
      return refused(refusalOf(error, issuer));
    }
  };
}

type Verifier = { verify(token: string): Promise<JwtPayload> };

const configurationSchema = z.object({
  issuer: z.string(),
  jwks_uri: issuerSchema,
  token_endpoint: issuerSchema.optional(),
  revocation_endpoint: issuerSchema.optional(),
});

/** What an issuer publishes about itself. @throws Error where it cannot be reached, or is another issuer */
export async function fetchConfiguration(issuer: string): Promise<z.output<typeof configurationSchema>> {
  const place = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const text = Buffer.from(await fetcher.fetch(place)).toString();
  const found = configurationSchema.safeParse(JSON.parse(text));
  if (!found.success)
    throw new Error(`${place} is not the configuration of an issuer: ${z.prettifyError(found.error)}`);
  if (found.data.issuer !== issuer)
    throw new Error(`${place} is of the issuer "${found.data.issuer}": set that one instead of "${issuer}"`);
  return found.data;
}

async function createVerifier(issuer: string): Promise<Verifier> {
  const { jwks_uri: jwksUri } = await fetchConfiguration(issuer);
  // The audience is checked by `admit`: access tokens of Amazon Cognito have none.
  return JwtVerifier.create(
    { issuer, audience: null, jwksUri, graceSeconds: clockSkewSeconds },
    { jwksCache: new SimpleJwksCache({ fetcher }) },
  );
}

/** The library's own speaks https alone. */
const fetcher: Fetcher = {
  async fetch(place) {
    const response = await fetch(place, { signal: AbortSignal.timeout(fetchMilliseconds), redirect: 'error' });
    if (!response.ok) throw new Error(`${place} answered ${response.status}`);
    return response.arrayBuffer();
  },
};

/** Who comes with these claims, whose signature, issuer and times hold. */
function admit(claims: JwtPayload, { issuer, audience, roleClaim, roles: known }: OidcOptions): Authentication {
  const audiences = [claims.aud ?? claims.client_id ?? []].flat().map(String);
  if (!audiences.includes(audience))
    return refused(`the token is meant for ${list(audiences)}, this service is "${audience}"`);
  if (claims.exp === undefined) return refused(`the token never expires: ${issuer} must give it an "exp"`);
  const given = valuesOf(claims, roleClaim);
  const found = given.flatMap((value) => known.get(value) ?? []);
  const role = roles.findLast((candidate) => found.includes(candidate));
  if (role === undefined)
    return refused(
      `the claim "${roleClaim}" of the token says ${list(given)}; these values give a role: ${list([...known.keys()])}`,
    );
  const { preferred_username, email, username, sub } = claims;
  const name = [preferred_username, email, username, sub].find((claim) => typeof claim === 'string' && claim !== '');
  if (name === undefined) return refused('the token names nobody: it has no "sub"');
  if (!isWellFormed(String(name)))
    return refused('the name in the token has a NUL character or half a surrogate pair, which a database cannot keep');
  return { kind: 'viewer', viewer: { name: String(name), role }, expiresAt: new Date(claims.exp * 1000) };
}

/** The texts of a claim; a claim's own name may have dots in it. */
function valuesOf(claims: JwtPayload, name: string): string[] {
  const inside = (value: unknown, key: string) =>
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  const claim = claims[name] ?? name.split('.').reduce<unknown>(inside, claims);
  return [claim].flat().filter((value) => typeof value === 'string');
}

/** Claims may be long, and messages should not be. */
const list = (values: string[]): string => {
  if (values.length === 0) return 'nothing';
  const shown = values.slice(0, 10).map((value) => `"${value.slice(0, 100)}"`);
  return `${shown.join(', ')}${values.length > 10 ? ', ...' : ''}`;
};

/** What to tell of a token that was not taken. @throws what says nothing about the token: the issuer is not to be had */
function refusalOf(error: unknown, issuer: string): string {
  if (error instanceof JwtExpiredError) return `${error.message.replace('Token', 'the token')}: get a new one`;
  if (error instanceof JwtNotBeforeError) return error.message.replace('Token', 'the token');
  if (error instanceof JwtInvalidIssuerError)
    return `the token is of the issuer "${error.failedAssertion.actual}", taken are tokens of "${issuer}"`;
  if (error instanceof KidNotFoundInJwksError || error instanceof WaitPeriodNotYetEndedJwkError)
    return `the token is signed with a key that ${issuer} does not publish`;
  if (error instanceof JwtBaseError) return `the token cannot be taken: ${error.message}`;
  throw error;
}
