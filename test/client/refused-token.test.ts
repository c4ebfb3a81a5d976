import { explainRefusal, isExpired } from '../../client/refused-token';

const now = new Date('2026-11-24T12:00:00Z');
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (header: object, claims: object): string => `${part(header)}.${part(claims)}.signature`;
const valid = { iss: 'https://issuer.example', aud: 'stillhouse', exp: now.getTime() / 1000 + 60 };

/** The answer of the HTTP API's authorizer, as API Gateway gives it. */
const bare = (description: string) => ({
  body: { message: 'Unauthorized' },
  challenge: `Bearer scope="" error="invalid_token" error_description="${description}"`,
});

describe('the explanation of a refused token', () => {
  it('is that of the service where it gives one', () => {
    const body = { errors: [{ message: 'the token is meant for "other"' }] };
    expect(explainRefusal({ token: 'x', body, challenge: null })).toBe('the token is meant for "other"');
  });

  it.each([
    ['no token was sent', null, /^the service asks for an access token$/],
    ['the token is not a JWT', 'a-secret', /this token is not one/],
    ['a part of the token is not JSON', 'a.b.c', /this token is not one/],
    ['it has expired', token({ alg: 'RS256' }, { ...valid, exp: 0 }), /^the token expired at 1970-01-01T00:00:00.000Z/],
    ['the gateway does not know its algorithm', token({ alg: 'ES256' }, valid), /signed with ES256, and API Gateway/],
    [
      'it is for somebody else',
      token({ alg: 'RS256' }, { ...valid, aud: ['a', 'b'] }),
      /refused the token \(invalid audience\); .* https:\/\/issuer.example for the audience a, b; compare these with .*OidcAudience/,
    ],
    [
      'it is of Amazon Cognito, which names a client',
      token({ alg: 'RS256' }, { iss: 'i', client_id: 'c' }),
      /for the audience c/,
    ],
  ])('tells that %s', (_what, given, expected) => {
    expect(explainRefusal({ token: given, ...bare('invalid audience') }, now)).toMatch(expected);
  });

  it('does without the headers and the body of the gateway', () => {
    const text = explainRefusal({ token: token({ alg: 'RS256' }, valid), body: null, challenge: null }, now);
    expect(text).toMatch(/^the gateway refused the token; it is from the issuer/);
  });
});

test('a token is expired by its claim alone', () => {
  expect(isExpired(token({}, { exp: now.getTime() / 1000 }), now)).toBe(true);
  expect(isExpired(token({}, valid), now)).toBe(false);
  expect(isExpired('a-secret', now)).toBe(false);
});
