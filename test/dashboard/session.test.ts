import type { PageConfig } from '../../contract/page';
import { Session } from '../../dashboard/app/session';

const issuer = 'https://issuer.example/pool';
const config: PageConfig = {
  api: '/graphql',
  socket: '/graphql',
  keepAliveSeconds: 12,
  issuer,
  clientId: 'page',
  scopes: 'openid profile',
  parameters: 'audience=https://api.example&state=mine',
};
const configuration = {
  issuer,
  authorization_endpoint: 'https://login.example/authorize',
  token_endpoint: 'https://login.example/token',
  revocation_endpoint: 'https://login.example/revoke',
  end_session_endpoint: 'https://login.example/logout',
};
const pageUrl = 'https://page.example/';

/** A browser with a clock, and an issuer whose answers to the token endpoint are given. */
function createBrowser(answers: (object | 'unreachable')[] = []) {
  const stored = new Map<string, string>();
  const browser = {
    storage: {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
      removeItem: (key: string) => void stored.delete(key),
    },
    pageUrl,
    left: [] as URL[],
    goTo: (url: string) => void browser.left.push(new URL(url)),
    time: Date.now(),
    now: () => browser.time,
    asked: [] as { url: string; body: URLSearchParams }[],
  };
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    if (url === `${issuer}/.well-known/openid-configuration`) return Response.json(configuration);
    browser.asked.push({ url, body: new URLSearchParams(String(init?.body)) });
    const answer = answers.shift() ?? {};
    if (answer === 'unreachable') throw new TypeError('fetch failed');
    return Response.json(answer, { status: 'error' in answer ? 400 : 200 });
  });
  return browser;
}
afterEach(() => jest.restoreAllMocks());

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const idToken = (claims: object) => {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: issuer, aud: 'page', sub: 'ann', iat: now, exp: now + 600, ...claims };
  return `${encoded({ alg: 'RS256' })}.${encoded(all)}.c2ln`;
};
const tokens = (nonce: string, more: object = {}) => ({
  access_token: 'first',
  token_type: 'Bearer',
  expires_in: 3600,
  refresh_token: 'refresh',
  id_token: idToken({ nonce }),
  ...more,
});

/** Leaves for the issuer and comes back with a code. */
async function signIn(answerOf: (nonce: string) => object, later: (object | 'unreachable')[] = []) {
  const answers: (object | 'unreachable')[] = [];
  const browser = createBrowser(answers);
  const session = new Session(config, browser);
  await session.signIn('#/runs/a');
  const { searchParams } = browser.left[0]!;
  answers.push(answerOf(searchParams.get('nonce')!), ...later);
  const back = new URL(`${pageUrl}?code=the-code&state=${searchParams.get('state')}`);
  return { browser, session, back };
}

describe('signing in', () => {
  it('leaves with PKCE, a state and a nonce, and parameters of its own that replace none of these', async () => {
    const { browser } = await signIn(tokens);
    const { origin, pathname, searchParams } = browser.left[0]!;
    expect(origin + pathname).toBe(configuration.authorization_endpoint);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'page',
      redirect_uri: pageUrl,
      scope: 'openid profile',
      audience: 'https://api.example',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  it('exchanges the code with the verifier of its challenge, and comes back to where it began', async () => {
    const { browser, session, back } = await signIn(tokens);
    expect(await session.comeBack(back)).toBe('#/runs/a');
    expect(await session.token()).toBe('first');
    const { body } = browser.asked[0]!;
    const digest = await crypto.subtle.digest('SHA-256', Buffer.from(body.get('code_verifier')!));
    expect(Buffer.from(digest).toString('base64url')).toBe(browser.left[0]!.searchParams.get('code_challenge'));
    expect(Object.fromEntries(body)).toMatchObject({ code: 'the-code', redirect_uri: pageUrl, client_id: 'page' });
  });

  it.each([
    ['another state', (back: URL) => back.searchParams.set('state', 'forged'), /does not hold: .*state/],
    [
      'an error',
      (back: URL) => {
        back.searchParams.delete('code');
        back.searchParams.set('error', 'access_denied');
        back.searchParams.set('error_description', 'not today');
      },
      /^The issuer refused the sign-in: not today \(access_denied\)/,
    ],
  ])('refuses an answer with %s', async (_what, change, message) => {
    const { session, back } = await signIn(tokens);
    change(back);
    await expect(session.comeBack(back)).rejects.toThrow(message);
    expect(await session.token()).toBeNull();
  });

  it('refuses an ID token with another nonce, or for another client', async () => {
    for (const claims of [{ nonce: 'replayed' }, { aud: 'another' }]) {
      const { session, back } = await signIn((nonce) => tokens(nonce, { id_token: idToken({ nonce, ...claims }) }));
      await expect(session.comeBack(back)).rejects.toThrow(/^The issuer's answer does not hold/);
      expect(session.isSignedIn()).toBe(false);
    }
  });

  it('takes an answer once, and none that another tab asked for', async () => {
    const { session, back } = await signIn(tokens);
    await session.comeBack(back);
    await expect(session.comeBack(back)).rejects.toThrow('This tab did not begin the sign-in');
  });
});

describe('a sign-in', () => {
  const renewed = { access_token: 'second', token_type: 'Bearer', expires_in: 3600 };

  async function signedIn(later: (object | 'unreachable')[], more: object = {}) {
    const { browser, session, back } = await signIn((nonce) => tokens(nonce, more), later);
    await session.comeBack(back);
    return { browser, session };
  }

  it('is renewed a minute before its end, once for all who ask', async () => {
    const { browser, session } = await signedIn([renewed]);
    browser.time += 3539_000;
    expect(await session.token()).toBe('first');
    browser.time += 2_000;
    expect(await Promise.all([session.token(), session.token(), session.renew()])).toEqual(['second', 'second', true]);
    expect(browser.asked).toHaveLength(2);
    expect(browser.asked[1]!.body.get('refresh_token')).toBe('refresh');
  });

  it('is renewed by the newest refresh token where the issuer changes them', async () => {
    const { browser, session } = await signedIn([{ ...renewed, refresh_token: 'another' }, renewed]);
    await session.renew();
    await session.renew();
    expect(browser.asked[2]!.body.get('refresh_token')).toBe('another');
  });

  it('is over where the issuer refuses the refresh token, and kept where it does not answer', async () => {
    const kept = await signedIn(['unreachable']);
    expect(await kept.session.renew()).toBe(false);
    expect(kept.session.isSignedIn()).toBe(true);
    const over = await signedIn([{ error: 'invalid_grant' }]);
    expect(await over.session.renew()).toBe(false);
    expect(over.session.isSignedIn()).toBe(false);
  });

  it('without a refresh token says when it ends', async () => {
    const { browser, session } = await signedIn([], { refresh_token: undefined });
    expect(session.endsAt()).toBe(browser.time + 3600_000);
    expect(await session.renew()).toBe(false);
  });

  it('ends here and at the issuer, with the refresh token revoked', async () => {
    const { browser, session } = await signedIn([{}]);
    await session.signOut();
    expect(browser.asked[1]).toMatchObject({ url: configuration.revocation_endpoint });
    const { origin, pathname, searchParams } = browser.left[1]!;
    expect(origin + pathname).toBe(configuration.end_session_endpoint);
    expect(searchParams.get('post_logout_redirect_uri')).toBe(pageUrl);
    expect(await session.token()).toBeNull();
  });
});
