import { createHash, timingSafeEqual } from 'node:crypto';
import type { Checked, Problem } from '../../contract/run-spec';
import { type Role, roles, type Viewer } from '../shared/viewer';

/** One way in: who comes with this token, and what they may do. */
export interface AccessToken {
  name: string;
  role: Role;
  token: string;
}

const shortestToken = 16;

/** Reads `name:role:token` entries separated by commas or spaces; an empty text configures none. */
export function parseTokens(text: string): Checked<AccessToken[]> {
  const problems: Problem[] = [];
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  const tokens = entries.map((entry, place) => {
    const [name = '', roleName = '', ...rest] = entry.split(':');
    const token = rest.join(':');
    const role = roles.find((known) => known === roleName);
    const problem = (message: string) => problems.push({ path: String(place), message });
    if (name === '') problem('the name is missing: write name:role:token');
    if (role === undefined) problem(`"${roleName}" is no role: ${roles.join(', ')}`);
    if (token.length < shortestToken)
      problem(`the token of "${name}" has ${token.length} characters: at least ${shortestToken}`);
    return { name, role: role ?? 'viewer', token };
  });
  const repeated = tokens.find(({ token }, place) => tokens.findIndex((other) => other.token === token) < place);
  if (repeated) problems.push({ path: '', message: `"${repeated.name}" has the same token as another name` });
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', value: tokens };
}

/** Whose token this is; null where it is nobody's. */
export function viewerOfToken(tokens: readonly AccessToken[], given: string): Viewer | null {
  // Hashes have one length, and comparing them takes one time: neither tells how much of a guess was right.
  const known = tokens.filter(({ token }) => timingSafeEqual(sha256(token), sha256(given)))[0];
  return known === undefined ? null : { name: known.name, role: known.role };
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
