import * as oauth from 'oauth4webapi';
import type { PageConfig } from '../../contract/page';

/** Why nobody is signed in, in words for the user. */
export class SignInFailed extends Error {}

/** What the page needs of its browser; tests have their own. */
export interface Browser {
  storage: {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
  };
  /** The address of the page without query and hash: registered at the issuer as the redirect URI. */
  pageUrl: string;
  goTo(url: string): void;
  now(): number;
}

/** Tokens of a signed-in user. Times in milliseconds since 1970. */
interface Tokens {
  accessToken: string;
  refreshToken: string | null;
  idToken: string | null;
  /** null: the issuer did not say. */
  expiresAt: number | null;
  renewAt: number | null;
}

/** A sign-in that has left for the issuer's page. */
interface Departure {
  verifier: string;
  state: string;
  nonce: string;
  returnTo: string;
}

const keys = { tokens: 'stillhouse.tokens', departure: 'stillhouse.departure', pasted: 'stillhouse.token' };

/** A token is renewed so long before its end, or at four fifths of a shorter life. */
const renewAhead = 60_000;

/**
 * Who is signed in: by the authorization code flow of OpenID Connect with PKCE (RFC 7636), state and nonce, or by a
 * pasted access token. Tokens are kept in the tab's session storage, are sent to the service alone, and end with the tab.
 */
export class Session {
  private server: Promise<oauth.AuthorizationServer> | null = null;
  private renewal: Promise<boolean> | null = null;

  constructor(
    private readonly config: PageConfig,
    private readonly browser: Browser,
  ) {}

  canSignIn = (): boolean => this.config.issuer !== '' && this.config.clientId !== '';
  isSignedIn = (): boolean => this.tokens() !== null;
  hasPastedToken = (): boolean => this.browser.storage.getItem(keys.pasted) !== null;

  /** The access token to send, renewed where its end is near; null: none. */
  async token(): Promise<string | null> {
    const tokens = this.tokens();
    if (tokens === null) return this.browser.storage.getItem(keys.pasted);
    if (tokens.renewAt !== null && tokens.renewAt <= this.browser.now()) await this.renew();
    return this.tokens()?.accessToken ?? null;
  }

  /** When the user must sign in again; null where tokens are renewed, or nobody is signed in. */
  endsAt(): number | null {
    const tokens = this.tokens();
    return tokens === null || tokens.refreshToken !== null ? null : tokens.expiresAt;
  }

  /**
   * Gets a new access token by the refresh token: once, however many ask for it.
   * @returns false where there is no refresh token, or the issuer does not answer or take it
   */
  renew(): Promise<boolean> {
    this.renewal ??= this.refresh().finally(() => {
      this.renewal = null;
    });
    return this.renewal;
  }

  private async refresh(): Promise<boolean> {
    const tokens = this.tokens();
    if (tokens === null || tokens.refreshToken === null) return false;
    try {
      const server = await this.discover();
      const response = await oauth.refreshTokenGrantRequest(
        server,
        this.client,
        oauth.None(),
        tokens.refreshToken,
        this.requestOptions,
      );
      const answer = await oauth.processRefreshTokenResponse(server, this.client, response);
      this.keep(answer, tokens);
      return true;
    } catch (error) {
      // A refused token is of no more use; an issuer that does not answer may do so later.
      if (error instanceof oauth.ResponseBodyError) this.forget();
      return false;
    }
  }

  /**
   * Leaves for the issuer's page.
   * @param returnTo hash of the address to come back to
   * @param prompt `login`: ask for a name and password even from those whom the issuer still knows
   * @throws SignInFailed
   */
  async signIn(returnTo: string, prompt?: 'login'): Promise<void> {
    const server = await this.discover();
    const departure: Departure = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      returnTo,
    };
    this.browser.storage.setItem(keys.departure, JSON.stringify(departure));
    const url = new URL(server.authorization_endpoint!);
    const parameters = {
      ...Object.fromEntries(new URLSearchParams(this.config.parameters)),
      response_type: 'code',
      client_id: this.config.clientId,
      redirect_uri: this.browser.pageUrl,
      scope: this.config.scopes,
      state: departure.state,
      nonce: departure.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(departure.verifier),
      code_challenge_method: 'S256',
      ...(prompt && { prompt }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    this.browser.goTo(url.href);
  }

  /** Whether an address is the issuer's answer to a sign-in. */
  static isAnswer = ({ searchParams }: URL): boolean =>
    searchParams.has('state') && (searchParams.has('code') || searchParams.has('error'));

  /**
   * Takes the issuer's answer in the address of the page.
   * @returns hash of the address at which the sign-in began
   * @throws SignInFailed
   */
  async comeBack(url: URL): Promise<string> {
    const text = this.browser.storage.getItem(keys.departure);
    this.browser.storage.removeItem(keys.departure);
    if (text === null) throw new SignInFailed('This tab did not begin the sign-in that the address answers.');
    const { verifier, state, nonce, returnTo } = JSON.parse(text) as Departure;
    const server = await this.discover();
    try {
      const parameters = oauth.validateAuthResponse(server, this.client, url, state);
      const { pageUrl } = this.browser;
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        this.client,
        oauth.None(),
        parameters,
        pageUrl,
        verifier,
        this.requestOptions,
      );
      const answer = await oauth.processAuthorizationCodeResponse(server, this.client, response, {
        expectedNonce: nonce,
        requireIdToken: true,
      });
      this.keep(answer, null);
      return returnTo;
    } catch (error) {
      throw this.failure(error, server);
    }
  }

  /** Keeps a token that somebody typed in. */
  paste(token: string): void {
    this.forget();
    this.browser.storage.setItem(keys.pasted, token);
  }

  /** Forgets all tokens here; at the issuer, ends the session where it has a way to. */
  async signOut(): Promise<void> {
    const tokens = this.tokens();
    this.forget();
    if (tokens === null) return this.browser.goTo(this.browser.pageUrl);
    const server = await this.discover().catch(() => null);
    if (server?.revocation_endpoint && tokens.refreshToken !== null)
      await oauth
        .revocationRequest(server, this.client, oauth.None(), tokens.refreshToken, this.requestOptions)
        .catch(() => {});
    this.browser.goTo(
      server?.end_session_endpoint ? this.endOf(server.end_session_endpoint, tokens) : this.browser.pageUrl,
    );
  }

  /** OpenID Connect RP-Initiated Logout; `logout_uri` is what Amazon Cognito calls the address to return to. */
  private endOf(endpoint: string, { idToken }: Tokens): string {
    const url = new URL(endpoint);
    url.searchParams.set('client_id', this.config.clientId);
    url.searchParams.set('post_logout_redirect_uri', this.browser.pageUrl);
    if (url.hostname.endsWith('.amazoncognito.com')) url.searchParams.set('logout_uri', this.browser.pageUrl);
    else if (idToken !== null) url.searchParams.set('id_token_hint', idToken);
    return url.href;
  }

  private forget(): void {
    for (const key of Object.values(keys)) this.browser.storage.removeItem(key);
  }

  private tokens(): Tokens | null {
    const text = this.browser.storage.getItem(keys.tokens);
    return text === null ? null : (JSON.parse(text) as Tokens);
  }

  private keep(answer: oauth.TokenEndpointResponse, former: Tokens | null): void {
    const { access_token, refresh_token, id_token, expires_in } = answer;
    const now = this.browser.now();
    const lifetime = expires_in === undefined ? null : expires_in * 1000;
    const tokens: Tokens = {
      accessToken: access_token,
      // Some issuers give a new one each time, others keep the first.
      refreshToken: refresh_token ?? former?.refreshToken ?? null,
      idToken: id_token ?? former?.idToken ?? null,
      expiresAt: lifetime === null ? null : now + lifetime,
      renewAt: lifetime === null ? null : now + lifetime - Math.min(renewAhead, lifetime / 5),
    };
    this.browser.storage.setItem(keys.tokens, JSON.stringify(tokens));
  }

  private get client(): oauth.Client {
    return { client_id: this.config.clientId };
  }

  /** An issuer on this machine may do without TLS, as the service allows it (api/access/oidc.ts). */
  private get requestOptions() {
    const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(new URL(this.config.issuer).hostname);
    return { [oauth.allowInsecureRequests]: isLocal };
  }

  private discover(): Promise<oauth.AuthorizationServer> {
    this.server ??= this.fetchConfiguration().catch((error) => {
      this.server = null;
      throw error;
    });
    return this.server;
  }

  private async fetchConfiguration(): Promise<oauth.AuthorizationServer> {
    const { issuer } = this.config;
    if (globalThis.crypto?.subtle === undefined)
      throw new SignInFailed('Browsers sign in on pages with https:// and on localhost alone: open this page so.');
    try {
      const response = await oauth.discoveryRequest(new URL(issuer), this.requestOptions);
      const server = await oauth.processDiscoveryResponse(new URL(issuer), response);
      if (!server.authorization_endpoint || !server.token_endpoint)
        throw new SignInFailed(`${issuer} has no sign-in page: its configuration lacks an endpoint.`);
      return server;
    } catch (error) {
      if (error instanceof SignInFailed) throw error;
      throw new SignInFailed(`The issuer ${issuer} cannot be asked: ${(error as Error).message}.`);
    }
  }

  private failure(error: unknown, { token_endpoint }: oauth.AuthorizationServer): SignInFailed {
    if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
      const { error: code, error_description: description } = error;
      return new SignInFailed(`The issuer refused the sign-in: ${description ?? code} (${code}).`);
    }
    if (error instanceof TypeError && /fetch/i.test(error.message))
      return new SignInFailed(
        `${new URL(token_endpoint!).origin} cannot be asked from this page: it must allow the origin ${new URL(this.browser.pageUrl).origin} (CORS), and the page must allow it (OidcOrigins).`,
      );
    return new SignInFailed(`The issuer's answer does not hold: ${(error as Error).message}.`);
  }
}
