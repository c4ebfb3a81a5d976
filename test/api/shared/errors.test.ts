import { GraphQLError } from 'graphql';
import { badArguments, forbidden, maskError } from '../../../api/shared/errors';

const masked = (error: unknown) => {
  const lines: string[] = [];
  return { shown: maskError(error, (line) => lines.push(line)), logged: lines.join('\n') };
};

describe('masking errors', () => {
  it('hides what a broken invariant says, and logs it under the id the caller is told', () => {
    const cause = new Error('select secret from table');
    const { shown, logged } = masked(new GraphQLError(cause.message, { originalError: cause, path: ['run'] }));
    expect(shown.message).not.toContain('secret');
    expect(shown.extensions.code).toBe('INTERNAL_SERVER_ERROR');
    expect(shown.path).toEqual(['run']);
    expect(logged).toContain('select secret from table');
    expect(logged).toContain(String(shown.extensions.id));
  });

  it('hides what is no GraphQL error at all', () => {
    expect(masked(new TypeError('undefined is not secret')).shown.message).not.toContain('secret');
  });

  it.each([
    ['bad arguments', badArguments([{ path: 'first', message: '0 must be 1 to 200' }])],
    ['a missing role', forbidden('takes the role editor')],
    ['a wrapped error for the caller', new GraphQLError('x', { originalError: forbidden('x') })],
    ['an error of validation', new GraphQLError('Cannot query field "x"')],
  ])('shows %s, without a stack', (_, error) => {
    error.extensions.stacktrace = ['at secret.ts'];
    const { shown, logged } = masked(error);
    expect(shown.message).toBe(error.message);
    expect(JSON.stringify(shown)).not.toContain('secret.ts');
    expect(logged).toBe('');
  });

  it.each(['SQLITE_FULL', 'ENOSPC', 'EDQUOT', '53100'])('tells by %s that the disk is full, and what to do', (code) => {
    const full = Object.assign(new Error('database or disk is full'), { code });
    const cause = new Error('the object was not written', { cause: full });
    const { shown, logged } = masked(new GraphQLError(cause.message, { originalError: cause, path: ['retryRun'] }));
    expect(shown).toMatchObject({ message: expect.stringContaining('free some space'), path: ['retryRun'] });
    expect(shown.extensions).toEqual({ code: 'STORAGE_FULL' });
    expect(logged).not.toContain('    at ');
  });

  it('hides the stack trace of a masked error that carries a code of its own', () => {
    const error = new GraphQLError('SQLITE_BUSY: secret', { extensions: { code: 'SQLITE_BUSY' } });
    expect(masked(error).shown.message).not.toContain('secret');
  });
});
