import { fetchConfiguration } from './oidc';

/**
 * The origins that a browser asks to sign in and to renew: the issuer's own, and those of its token and revocation
 * endpoints, which may be elsewhere (Amazon Cognito). Found once; an issuer that does not answer is asked again.
 */
export function issuerOrigins(issuer: string | null): () => Promise<readonly string[]> {
  if (issuer === null) return async () => [];
  const own = new URL(issuer).origin;
  let found: Promise<readonly string[]> | null = null;
  return () => {
    found ??= fetchConfiguration(issuer).then(
      ({ token_endpoint, revocation_endpoint }) => [
        ...new Set([own, ...[token_endpoint, revocation_endpoint].flatMap((url) => (url ? new URL(url).origin : []))]),
      ],
      () => {
        found = null;
        return [own];
      },
    );
    return found;
  };
}
