import { GraphQLObjectType, getNamedType, isCompositeType, isObjectType } from 'graphql';
import type { RunTable } from '../../../../api/database/tables';
import { insertExperiment, insertRun, readRun, useTestServices } from '../../../testkit/api-services';
import { apiSchema, dataOf } from '../../../testkit/ask';

const services = useTestServices();
const at = (minute: number) => `2026-01-01T00:0${minute}:00.000Z`;

/** A value for every column that has none by itself; those of one type differ. */
const filled: Partial<RunTable> = {
  depends_on: 'teacher',
  student_depends_on: 'student',
  attempt: 2,
  waiting_reason: 'it waits',
  failure_kind: 'crash',
  failure_message: 'it crashed',
  failure_problems: JSON.stringify([{ path: 'p', message: 'm' }]),
  cancel_requested: 1,
  phase: 'training',
  step: 3,
  total_steps: 4,
  epoch: 5,
  total_epochs: 6,
  engine: 'native',
  device: 'cpu',
  elapsed_seconds: 7,
  trained_parameters: 8,
  model_bytes: 9,
  result_notes: JSON.stringify(['a note']),
  data_files: '{}',
  damage: JSON.stringify(['damaged']),
  selected_epoch: 10,
  heartbeat_at: at(1),
  job_name: 'job',
  job_index: 11,
  submitted_at: at(2),
  started_at: at(3),
  finished_at: at(4),
  revision: 12,
  instance_type: 'g5.xlarge',
  price_per_hour: 13,
  billed_seconds: 14,
  cost: 15,
  energy_watt_hours: 16,
  energy_source: 'measured',
};

/** Every field of a run that can be asked for without arguments, with what lies directly below it. */
async function selections(): Promise<string[]> {
  const run = (await apiSchema()).getType('Run') as GraphQLObjectType;
  return Object.values(run.getFields()).map(({ name, type }) => {
    const below = getNamedType(type);
    if (!isCompositeType(below)) return name;
    const fields = isObjectType(below) ? Object.values(below.getFields()) : [];
    const leaves = fields.filter((field) => !isCompositeType(getNamedType(field.type)) && field.args.length === 0);
    return `${name} { ${leaves.map((leaf) => leaf.name).join(' ')} }`;
  });
}

describe('a page of runs reads the columns that are selected', () => {
  beforeEach(async () => {
    await insertExperiment(services());
    await insertRun(services(), 'r', filled);
  });

  it('has a value in every column here, so that one that is not read is missed', async () => {
    const row = await readRun(services(), 'r');
    expect(Object.entries(row).filter(([, value]) => value === null)).toEqual([]);
  });

  it('gives every field, selected alone, as a query of the run does', async () => {
    for (const selection of await selections()) {
      const { run } = await dataOf(services(), `{ run(id: "r") { ${selection} } }`);
      const { runs, experiment } = await dataOf(
        services(),
        `{ runs(first: 1) { nodes { ${selection} } } experiment(id: "experiment") { runs(first: 1) { edges { node { ${selection} } } } } }`,
      );
      expect(runs.nodes).toEqual([run]);
      expect(experiment.runs.edges).toEqual([{ node: run }]);
    }
  });

  it.each([
    [
      'through fragments of fragments',
      '{ runs { edges { node { ...A } } } } fragment A on Run { ...B } fragment B on Run { FIELD }',
    ],
    ['under another name', '{ runs { edges { renamed: node { FIELD } } } }'],
    ['in an inline fragment on the connection', '{ runs { ... on RunConnection { edges { node { FIELD } } } } }'],
    ['beside other fields of the same page', '{ runs { edges { node { id } } edges { node { FIELD } } } }'],
    ['with a directive', 'query ($yes: Boolean = true) { runs { edges { node @include(if: $yes) { FIELD } } } }'],
  ])('finds a field %s', async (_, source) => {
    const selection = 'instanceType progress { totalSteps }';
    const { runs } = await dataOf(services(), source.replace('FIELD', selection));
    const [node] = Object.values(runs.edges[0]);
    expect(node).toMatchObject({ instanceType: 'g5.xlarge', progress: { totalSteps: 4 } });
  });
});
