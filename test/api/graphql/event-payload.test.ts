import { buildSchema, type ExecutionArgs, GraphQLError, parse } from 'graphql';
import { payloadsOf } from '../../../api/graphql/event-payload';
import type { Role, Viewer } from '../../../api/shared/viewer';

const schema = buildSchema(`
  type Query { nothing: Int }
  type Event { number: Int! secret: String own(name: String): String counted: Int! }
  type Subscription { happened(after: String): Event! }
`);
let executions = 0;

/** An event whose fields depend on who asks. */
const event = () => ({
  happened: {
    number: 7,
    secret: (_: unknown, { viewer }: { viewer: Viewer }) => {
      if (viewer.role !== 'admin') throw new GraphQLError(`not for ${viewer.name}`);
      return 'known to admins';
    },
    own: ({ name }: { name: string }) => name,
    counted: () => {
      executions += 1;
      return 1;
    },
  },
});

const ask = (selection: string, viewer: { name: string; role: Role }, variableValues = {}): ExecutionArgs => ({
  schema,
  document: parse(`subscription ($after: String, $name: String) { happened(after: $after) { ${selection} } }`),
  variableValues,
  contextValue: { viewer },
});
const textOf = async (args: ExecutionArgs, of: object) => (await payloadsOf(args)(of)).json.toString();

const [ann, bob] = [
  { name: 'ann', role: 'viewer' as const },
  { name: 'bob', role: 'viewer' as const },
];
const root = { name: 'root', role: 'admin' as const };

beforeEach(() => {
  executions = 0;
});

describe('payloads of an event', () => {
  it('are made once for all who ask the same, at a time and later, wherever they began', async () => {
    const one = event();
    const asked = [ann, bob].flatMap((viewer) =>
      ['1', '2', null].map((after) => textOf(ask('number counted', viewer, { after }), one)),
    );
    expect(new Set(await Promise.all(asked)).size).toBe(1);
    await textOf(ask('number counted', bob, { after: '3' }), one);
    expect(executions).toBe(1);
    await textOf(ask('number counted', bob, { after: '3' }), event());
    expect(executions).toBe(2);
  });

  it('never show a role what another may see', async () => {
    const one = event();
    expect(await textOf(ask('secret', root), one)).toContain('known to admins');
    expect(await textOf(ask('secret', ann), one)).not.toContain('known to admins');
    expect(await textOf(ask('secret', root), one)).toContain('known to admins');
  });

  it('never show a viewer an error that names another', async () => {
    const one = event();
    const [first, second] = await Promise.all([textOf(ask('secret', ann), one), textOf(ask('secret', bob), one)]);
    expect(first).toContain('not for ann');
    expect(second).toContain('not for bob');
  });

  it('differ by variables, and by the cursor where it is used for more than the beginning', async () => {
    const one = event();
    expect(await textOf(ask('own(name: $name)', ann, { name: 'x' }), one)).toContain('x');
    expect(await textOf(ask('own(name: $name)', ann, { name: 'y' }), one)).toContain('y');
    expect(await textOf(ask('own(name: $after)', ann, { after: 'x' }), one)).toContain('x');
    expect(await textOf(ask('own(name: $after)', ann, { after: 'y' }), one)).toContain('y');
  });

  it('that are too large become an error for everybody', async () => {
    const text = await textOf(ask('own(name: $name)', ann, { name: 'x'.repeat(30_000) }), event());
    expect(JSON.parse(text)).toMatchObject({ data: null, errors: [{ extensions: { code: 'LIMIT_EXCEEDED' } }] });
  });
});
