import { createHmac } from 'node:crypto';
import { type Access, createAccess } from '../../../api/access/authentication';
import { roleMappingSchema } from '../../../api/access/oidc';
import { startTokenIssuer, type TokenIssuer } from '../../testkit/token-issuer';

let issuer: TokenIssuer;
beforeEach(async () => {
  issuer = await startTokenIssuer();
});
afterEach(() => issuer.close());

const accessTo = (given: { audience?: string; roleClaim?: string; roles?: string; issuer?: string } = {}): Access =>
  createAccess({
    tokens: [{ name: 'cron', role: 'viewer', token: 'a-static-token-1234' }],
    oidc: {
      issuer: given.issuer ?? issuer.address,
      audience: given.audience ?? 'stillhouse',
      roleClaim: given.roleClaim ?? 'roles',
      roles: roleMappingSchema.parse(given.roles),
    },
  });
const asks = (access: Access, token: string) => access.authenticate(`Bearer ${token}`);
const refusalOf = async (access: Access, token: string): Promise<string> => {
  const outcome = await asks(access, token);
  return outcome.kind === 'refused' ? outcome.message : `let in as ${outcome.viewer.name}`;
};

describe('tokens of an issuer', () => {
  it('let their holder in under the name and role they say, until they expire', async () => {
    const exp = Math.floor(Date.now() / 1000) + 100;
    const outcome = await asks(accessTo(), issuer.token({ email: 'ann@lab.example', exp }));
    expect(outcome).toEqual({
      kind: 'viewer',
      viewer: { name: 'ann@lab.example', role: 'editor' },
      expiresAt: new Date(exp * 1000),
    });
  });

  it('stand beside the tokens of the service', async () => {
    const access = accessTo();
    expect(access.open).toBe(false);
    expect(await asks(access, 'a-static-token-1234')).toMatchObject({ viewer: { name: 'cron', role: 'viewer' } });
    expect(issuer.asked).toEqual({});
  });

  it('are taken with a clock that is a little off, and not with one that is more', async () => {
    const access = accessTo();
    const now = Math.floor(Date.now() / 1000);
    expect(await asks(access, issuer.token({ exp: now - 30 }))).toMatchObject({ kind: 'viewer' });
    expect(await asks(access, issuer.token({ nbf: now + 30 }))).toMatchObject({ kind: 'viewer' });
    const expired = now - 120;
    expect(await refusalOf(access, issuer.token({ exp: expired }))).toBe(
      `the token expired at ${new Date(expired * 1000).toISOString()}: get a new one`,
    );
    expect(await refusalOf(access, issuer.token({ nbf: now + 120 }))).toContain("the token can't be used before");
    expect(await refusalOf(access, issuer.token({ exp: undefined }))).toContain('never expires');
  });

  it('are refused with what was given and what is expected', async () => {
    const access = accessTo();
    expect(await refusalOf(access, issuer.token({ aud: ['mail', 'wiki'] }))).toBe(
      'the token is meant for "mail", "wiki", this service is "stillhouse"',
    );
    expect(await refusalOf(access, issuer.token({ iss: 'https://other.example' }))).toBe(
      `the token is of the issuer "https://other.example", taken are tokens of "${issuer.address}"`,
    );
    expect(await refusalOf(access, issuer.token({ roles: ['guest'] }))).toBe(
      'the claim "roles" of the token says "guest"; these values give a role: "viewer", "editor", "admin"',
    );
    expect(await refusalOf(access, issuer.token({ roles: undefined }))).toContain(
      'says nothing; these values give a role',
    );
  });

  it('of an access token of Amazon Cognito are meant for its client', async () => {
    const claims = { aud: undefined, client_id: 'stillhouse', username: 'ben', 'cognito:groups': ['ml-team'] };
    const access = accessTo({ roleClaim: 'cognito:groups', roles: 'ml-team=editor, leads=admin' });
    expect(await asks(access, issuer.token(claims))).toMatchObject({ viewer: { name: 'ben', role: 'editor' } });
    expect(await refusalOf(access, issuer.token({ ...claims, client_id: 'other' }))).toContain('meant for "other"');
  });

  it('give the highest of several roles, also from within an object', async () => {
    const access = accessTo({ roleClaim: 'realm_access.roles' });
    const token = issuer.token({ realm_access: { roles: ['viewer', 'offline', 'admin'] } });
    expect(await asks(access, token)).toMatchObject({ viewer: { role: 'admin' } });
  });

  it('are refused where somebody else made them', async () => {
    const access = accessTo();
    const [header, claims, signature] = issuer.token().split('.') as [string, string, string];
    const changed = Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), roles: 'admin' }),
    );
    expect(await refusalOf(access, `${header}.${changed.toString('base64url')}.${signature}`)).toContain(
      'Invalid signature',
    );
    const none = issuer.token({}, { alg: 'none' }).split('.');
    expect(await refusalOf(access, `${none[0]}.${none[1]}.AA`)).toContain('algorithm');
    // The public key as the secret of an HMAC: what a verifier that trusts the header would take.
    const body = issuer.token({}, { alg: 'HS256' }).split('.').slice(0, 2).join('.');
    const forged = createHmac('sha256', 'public key').update(body).digest('base64url');
    expect(await refusalOf(access, `${body}.${forged}`)).toContain('algorithm');
    issuer.rotate(false);
    expect(await refusalOf(access, issuer.token())).toContain('signed with a key that');
    for (const text of ['x', 'a.b.c', `${header}.${claims}`])
      expect(await refusalOf(access, text)).toMatch(/^the token cannot be taken: /);
  });

  it('need the issuer once, and again when it signs with a new key', async () => {
    const access = accessTo();
    for (let k = 0; k < 5; k += 1) await asks(access, issuer.token());
    expect(issuer.asked).toEqual({ '/.well-known/openid-configuration': 1, '/keys': 1 });
    issuer.rotate(true);
    expect(await asks(access, issuer.token())).toMatchObject({ kind: 'viewer' });
    expect(issuer.asked['/keys']).toBe(2);
  });

  it('are no matter of the caller where the issuer cannot be reached, and are taken as soon as it can', async () => {
    const { address } = issuer;
    const access = accessTo({ issuer: `${address}/nowhere` });
    await expect(asks(access, issuer.token())).rejects.toThrow(`${address}/nowhere/.well-known/openid-configuration`);
    const other = accessTo({ issuer: `${address}/` });
    await expect(asks(other, issuer.token())).rejects.toThrow(`is of the issuer "${address}"`);
  });
});

describe('the meaning of role claims', () => {
  it('is read as value=role', () => {
    expect([...roleMappingSchema.parse('Lab Leads=admin, a=b=viewer')]).toEqual([
      ['Lab Leads', 'admin'],
      ['a=b', 'viewer'],
    ]);
  });

  it('is refused with every entry that is none', () => {
    const read = roleMappingSchema.safeParse('x=king,editor');
    expect(read.error?.issues.map(({ message }) => message)).toEqual([
      '"x=king" must be value=role, role viewer, editor, admin',
      '"editor" must be value=role, role viewer, editor, admin',
    ]);
  });
});
