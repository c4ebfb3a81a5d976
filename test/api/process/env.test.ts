import { describeSettings, readSettings } from '../../../api/process/env';

const settings = (environment: NodeJS.ProcessEnv, words: string[] = []) => readSettings(environment, words);

describe('the settings of the server', () => {
  it('have defaults that need nothing and let nobody else in', () => {
    expect(settings({})).toMatchObject({
      kind: 'valid',
      value: { port: 4000, host: '127.0.0.1', tokens: [], introspection: true, stopMilliseconds: 20_000 },
    });
  });

  it('come from the environment, and from flags before it', () => {
    const environment = { STILLHOUSE_PORT: '5000', STILLHOUSE_SLOTS: '3' };
    expect(settings(environment, ['--port', '6000', '--data=/somewhere'])).toMatchObject({
      value: { port: 6000, slots: 3, dataDirectory: '/somewhere' },
    });
  });

  it('are refused with every problem at once, by name', () => {
    const environment = { STILLHOUSE_PORT: 'abc', STILLHOUSE_TOKENS: 'ann:owner:short', STILLHOUSE_STALL_SECONDS: '1' };
    const read = settings(environment, ['--slots', '300', '--foo', 'bar']);
    expect(read.kind === 'invalid' && read.problems.map(({ path }) => path).sort()).toEqual([
      '--foo',
      '--slots',
      'STILLHOUSE_PORT',
      'STILLHOUSE_STALL_SECONDS',
      'STILLHOUSE_TOKENS',
      'STILLHOUSE_TOKENS',
    ]);
  });

  it('say what they may be, and what was given', () => {
    const read = settings({ STILLHOUSE_PORT: 'abc' }, ['--slots', '2.5', '--stall-seconds=1']);
    expect(read.kind === 'invalid' && read.problems).toEqual([
      { path: 'STILLHOUSE_PORT', message: 'must be a whole number from 0 to 65535; given "abc"' },
      { path: '--slots', message: 'must be a whole number from 0 to 256; given "2.5"' },
      { path: '--stall-seconds', message: 'must be a number from 10 to 86400; given "1"' },
    ]);
  });

  it('let other machines in with tokens only', () => {
    expect(settings({ STILLHOUSE_HOST: '0.0.0.0' })).toMatchObject({
      kind: 'invalid',
      problems: [{ path: 'STILLHOUSE_HOST', message: expect.stringContaining('STILLHOUSE_TOKENS') }],
    });
    expect(settings({ STILLHOUSE_HOST: '0.0.0.0', STILLHOUSE_TOKENS: 'ann:admin:0123456789abcdef' }).kind).toBe(
      'valid',
    );
  });

  it('take an issuer of tokens with all that it needs', () => {
    const issuer = { STILLHOUSE_HOST: '0.0.0.0', STILLHOUSE_OIDC_ISSUER: 'https://issuer.example' };
    expect(settings({ ...issuer, STILLHOUSE_OIDC_AUDIENCE: 'stillhouse' })).toMatchObject({
      value: { oidc: { issuer: 'https://issuer.example', audience: 'stillhouse', roleClaim: 'roles' } },
    });
    const incomplete = { ...issuer, STILLHOUSE_OIDC_ISSUER: 'http://issuer.example', STILLHOUSE_OIDC_ROLES: 'a=king' };
    expect(settings(incomplete)).toMatchObject({
      kind: 'invalid',
      problems: [
        { path: 'STILLHOUSE_OIDC_ISSUER', message: expect.stringContaining('must begin with https://') },
        { path: 'STILLHOUSE_OIDC_ROLES', message: expect.stringContaining('"a=king" must be value=role') },
        { path: 'STILLHOUSE_OIDC_AUDIENCE', message: expect.stringContaining('is not set') },
      ],
    });
    expect(settings({ ...issuer, STILLHOUSE_OIDC_ISSUER: 'here', STILLHOUSE_OIDC_AUDIENCE: 'x' })).toMatchObject({
      problems: [{ path: 'STILLHOUSE_OIDC_ISSUER', message: expect.stringMatching(/^must be the address.*"here"$/) }],
    });
  });

  it('are all told by --help', () => {
    for (const name of ['--port', '--data', '--slots', '--tokens', '--oidc-issuer', 'STILLHOUSE_STALL_SECONDS'])
      expect(describeSettings()).toContain(name);
  });
});
