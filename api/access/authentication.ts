import { type Authentication, refused, type Viewer } from '../shared/viewer';
import { createTokenVerifier, type OidcOptions } from './oidc';
import { type AccessToken, viewerOfToken } from './tokens';

/** Ways in: the service's own tokens, and those of an OIDC issuer. */
export interface AccessOptions {
  tokens: readonly AccessToken[];
  oidc: OidcOptions | null;
}

/** Who may come in. */
export interface Access {
  /** Whether everybody may, since there are no tokens: then the service listens on its own machine alone. */
  open: boolean;
  /**
   * Who sends this `Authorization` header (`Bearer <token>`).
   * @throws where that cannot be told now: the issuer of the tokens is not to be reached
   */
  authenticate(authorization: string | undefined): Promise<Authentication>;
}

const localViewer: Viewer = { name: 'local', role: 'admin' };

export function createAccess({ tokens, oidc }: AccessOptions): Access {
  const open = tokens.length === 0 && oidc === null;
  const verify = oidc === null ? null : createTokenVerifier(oidc);
  return {
    open,
    async authenticate(authorization) {
      if (open) return { kind: 'viewer', viewer: localViewer, expiresAt: null };
      const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
      if (given === undefined) return refused('send a token: Authorization: Bearer <token>');
      const viewer = viewerOfToken(tokens, given);
      if (viewer !== null) return { kind: 'viewer', viewer, expiresAt: null };
      return verify === null ? refused('the token is not known') : verify(given);
    },
  };
}

/** Browsers cannot set headers of a WebSocket: clients send the header's text in `connection_init`. */
export function authorizationOf(parameters: Readonly<Record<string, unknown>> | null | undefined): string | undefined {
  const authorization = parameters?.authorization ?? parameters?.Authorization;
  return typeof authorization === 'string' ? authorization : undefined;
}
