// An OpenID provider as a process of its own (its package has ES modules alone): prints its address, ends with its input.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { pageUrl, accessTokenSeconds, refreshTokens } = JSON.parse(process.argv[2]);
const resource = 'urn:stillhouse';
const scopes = 'openid profile email';

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(address, {
  clients: [
    {
      client_id: 'dashboard',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', ...(refreshTokens ? ['refresh_token'] : [])],
      response_types: ['code'],
      redirect_uris: [pageUrl],
      post_logout_redirect_uris: [pageUrl],
    },
  ],
  // Whoever signs in as viewer, editor or admin has that role; anybody else has none.
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  extraTokenClaims: (_context, { accountId }) => ({ preferred_username: accountId, roles: [accountId] }),
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email'] },
  scopes: scopes.split(' '),
  pkce: { required: () => true },
  clientBasedCORS: (_context, origin) => `${origin}/` === pageUrl,
  issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: accessTokenSeconds, Session: 3600, Grant: 3600, Interaction: 600, RefreshToken: 3600 },
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: scopes,
        audience: 'stillhouse',
        accessTokenFormat: 'jwt',
        accessTokenTTL: accessTokenSeconds,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  // Nobody is asked for a consent.
  async loadExistingGrant({ oidc }) {
    const grant = new provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
    grant.addOIDCScope(scopes);
    grant.addResourceScope(resource, scopes);
    await grant.save();
    return grant;
  },
});
server.on('request', provider.callback());
console.log(`issuer ${address}`);
process.stdin.resume().on('end', () => process.exit(0));
