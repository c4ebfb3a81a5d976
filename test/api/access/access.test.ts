import { createAccess } from '../../../api/access/authentication';
import { parseTokens } from '../../../api/access/tokens';
import { useTestServices } from '../../testkit/api-services';
import { apiSchema, ask, dataOf } from '../../testkit/ask';
import { createExperimentMutation, experimentInput } from '../../testkit/experiment-input';

describe('access tokens', () => {
  const secret = 'a-long-enough-token';

  it('are read as name:role:token, separated by commas or spaces', () => {
    expect(parseTokens(`ann:editor:${secret}, ben:viewer:${secret}:2`)).toEqual({
      kind: 'valid',
      value: [
        { name: 'ann', role: 'editor', token: secret },
        { name: 'ben', role: 'viewer', token: `${secret}:2` },
      ],
    });
    expect(parseTokens('  ')).toEqual({ kind: 'valid', value: [] });
  });

  it('are refused with all that is wrong with them', () => {
    const checked = parseTokens(`ann:king:short,:viewer:${secret},ben:viewer:${secret}`);
    expect(checked).toMatchObject({
      kind: 'invalid',
      problems: [
        { path: '0', message: '"king" is no role: viewer, editor, admin' },
        { path: '0', message: expect.stringContaining('5 characters: at least 16') },
        { path: '1', message: expect.stringContaining('name is missing') },
        { path: '', message: expect.stringContaining('same token') },
      ],
    });
  });

  it('let their holder in under the name and role they were given', async () => {
    const tokens = [{ name: 'ann', role: 'editor' as const, token: secret }];
    const access = createAccess({ tokens, oidc: null });
    expect(access.open).toBe(false);
    expect(await access.authenticate(`Bearer ${secret}`)).toEqual({
      kind: 'viewer',
      viewer: { name: 'ann', role: 'editor' },
      expiresAt: null,
    });
    for (const header of [undefined, '', 'Bearer', `Basic ${secret}`, 'Bearer another-long-token', `Bearer ${secret}x`])
      expect(await access.authenticate(header)).toMatchObject({ kind: 'refused' });
  });

  it('leave the service open where there are none', async () => {
    const access = createAccess({ tokens: [], oidc: null });
    expect(access.open).toBe(true);
    expect(await access.authenticate(undefined)).toMatchObject({ viewer: { name: 'local', role: 'admin' } });
  });
});

describe('roles', () => {
  const services = useTestServices();

  it('are told to who asks', async () => {
    expect(await dataOf(services(), '{ viewer { name role } }', {}, { role: 'viewer' })).toEqual({
      viewer: { name: 'tester', role: 'VIEWER' },
    });
  });

  it('let a viewer read everything', async () => {
    const source = '{ methods { name } experiments { totalCount } runs { totalCount } }';
    expect((await dataOf(services(), source, {}, { role: 'viewer' })).runs.totalCount).toBe(0);
  });

  it('keep a viewer from changing anything, and say which role it takes', async () => {
    const { data, errors } = await ask(
      services(),
      createExperimentMutation,
      { input: experimentInput() },
      { role: 'viewer' },
    );
    expect(data).toBeNull();
    expect(errors[0]).toMatchObject({
      message: '"createExperiment" takes the role editor; "tester" has the role viewer',
      extensions: { code: 'FORBIDDEN' },
    });
    expect(await services().database.selectFrom('experiment').selectAll().execute()).toEqual([]);
  });

  it('guard every mutation there is', async () => {
    const mutations = Object.keys((await apiSchema()).getMutationType()!.getFields());
    const operations: Record<string, string> = {
      createExperiment: '(input: $create) { __typename }',
      createExperimentFromPreset:
        '(input: { preset: E4, data: { train: "/x", test: "/y" }, teacher: { run: "z" } }) { __typename }',
      cloneExperiment: '(input: { id: "x", name: "y" }) { __typename }',
      annotate: '(input: { text: "x" }) { __typename }',
      cancelRun: '(runId: "x") { __typename }',
      retryRun: '(runId: "x") { __typename }',
    };
    for (const name of mutations) {
      const rest = operations[name] ?? '(id: "x") { __typename }';
      const declared = rest.includes('$create') ? '($create: ExperimentInput!)' : '';
      const source = `mutation ${declared} { ${name}${rest} }`;
      const { errors } = await ask(services(), source, { create: experimentInput() }, { role: 'viewer' });
      expect([name, errors[0]?.extensions.code]).toEqual([name, 'FORBIDDEN']);
    }
  });

  it('leave archiving to an admin', async () => {
    const source = 'mutation { archiveExperiment(id: "x") { __typename } }';
    expect((await ask(services(), source, {}, { role: 'editor' })).errors[0]?.extensions.code).toBe('FORBIDDEN');
    expect(await dataOf(services(), source)).toEqual({ archiveExperiment: { __typename: 'NotFound' } });
  });
});
