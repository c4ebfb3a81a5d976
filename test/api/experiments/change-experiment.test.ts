import type { Failure } from '../../../api/runs/run-life';
import { applyEvent } from '../../../api/runs/run-life.service';
import { useTestServices } from '../../testkit/api-services';
import { ask, dataOf } from '../../testkit/ask';
import { createExperimentMutation, experimentInput, outcomeFields } from '../../testkit/experiment-input';

const services = useTestServices();

async function created(changes: object = {}, launch = false): Promise<string> {
  const { createExperiment } = await dataOf(services(), createExperimentMutation, {
    input: experimentInput(changes),
    launch,
  });
  return createExperiment.experiment.id;
}

/** Sends one mutation that takes the id of an experiment. */
async function change(mutation: string, variables: object, declared = '$id: ID!', passed = 'id: $id') {
  const source = `mutation (${declared}) { outcome: ${mutation}(${passed}) { ${outcomeFields} } }`;
  return (await dataOf(services(), source, { ...variables })).outcome;
}
const launch = (id: string, key: string | null = null) =>
  change('launchExperiment', { id, key }, '$id: ID!, $key: String', 'id: $id, clientRequestId: $key');

const runsOf = (id: string) =>
  services().database.selectFrom('run').selectAll().where('experiment_id', '=', id).orderBy('position').execute();

async function fail(runId: string) {
  const failure: Failure = { kind: 'numeric', message: 'the loss is not a number', problems: [] };
  await applyEvent(services(), runId, { kind: 'claimed', attempt: 1 });
  await applyEvent(services(), runId, { kind: 'started', attempt: 1 });
  await applyEvent(services(), runId, { kind: 'failed', attempt: 1, failure });
}

describe('changing an experiment', () => {
  it('launches a draft once', async () => {
    const id = await created();
    expect(await launch(id)).toMatchObject({ experiment: { state: 'launched' }, repeated: false });
    expect(services().wakeUps).toBe(1);
    expect(await launch(id)).toMatchObject({ __typename: 'Conflict', problems: [{ path: 'id' }] });
  });

  it('gives a launch that is sent again under its id the same answer', async () => {
    const id = await created();
    const other = await created();
    await launch(id, 'key');
    expect(await launch(id, 'key')).toMatchObject({ experiment: { id }, repeated: true });
    expect(await launch(other, 'key')).toMatchObject({
      __typename: 'Conflict',
      problems: [{ path: 'clientRequestId' }],
    });
  });

  it('says that an experiment is not there', async () => {
    expect(await launch('nobody')).toMatchObject({
      __typename: 'NotFound',
      problems: [{ path: 'id', message: 'there is no experiment "nobody"' }],
    });
  });

  it('cancels all runs that wait', async () => {
    const id = await created({}, true);
    expect(await change('cancelExperiment', { id })).toMatchObject({
      experiment: { state: 'cancelled', runCounts: [{ state: 'CANCELLED', count: 5 }] },
    });
  });

  it('has failed runs tried again, and tells which', async () => {
    const id = await created({ teacher: { random: {} } }, true);
    const failed = (await runsOf(id)).slice(1, 3).map((run) => run.id);
    for (const runId of failed) await fail(runId);
    const retry = `mutation ($id: ID!) { retryFailedRuns(id: $id, clientRequestId: "key") {
      __typename ... on RetryPayload { runIds repeated } ... on Failure { problems { path message } } } }`;
    expect((await dataOf(services(), retry, { id })).retryFailedRuns).toEqual({
      __typename: 'RetryPayload',
      runIds: failed,
      repeated: false,
    });
    expect((await runsOf(id)).map(({ state }) => state)).toEqual(Array(4).fill('PENDING'));
    expect((await dataOf(services(), retry, { id })).retryFailedRuns).toMatchObject({ runIds: failed, repeated: true });
  });

  it('retries one run once a key, however often it is asked', async () => {
    const id = await created({ teacher: { random: {} } }, true);
    const runId = (await runsOf(id))[0]!.id;
    const retry = `mutation ($runId: ID!) { retryRun(runId: $runId, clientRequestId: "key") {
      __typename ... on RunPayload { repeated run { state attempt } } ... on Failure { problems { message } } } }`;
    await fail(runId);
    expect((await dataOf(services(), retry, { runId })).retryRun).toMatchObject({
      repeated: false,
      run: { state: 'PENDING' },
    });
    // It fails again before the client, who never saw the answer, asks once more.
    const failure: Failure = { kind: 'numeric', message: 'again', problems: [] };
    await applyEvent(services(), runId, { kind: 'claimed', attempt: 2 });
    await applyEvent(services(), runId, { kind: 'failed', attempt: 2, failure });
    expect((await dataOf(services(), retry, { runId })).retryRun).toMatchObject({
      repeated: true,
      run: { state: 'FAILED' },
    });
  });

  it('cancels one run, and says where there is nothing to cancel', async () => {
    const id = await created({}, true);
    const [first, second] = await runsOf(id);
    const cancel = `mutation ($runId: ID!) { cancelRun(runId: $runId) {
      __typename ... on RunPayload { repeated run { state } } ... on Failure { problems { path message } } } }`;
    expect((await dataOf(services(), cancel, { runId: first!.id })).cancelRun).toEqual({
      __typename: 'RunPayload',
      repeated: false,
      run: { state: 'CANCELLED' },
    });
    await fail(second!.id);
    expect((await dataOf(services(), cancel, { runId: second!.id })).cancelRun).toMatchObject({
      __typename: 'Conflict',
      problems: [{ path: 'runId', message: expect.stringContaining('is over (FAILED)') }],
    });
    expect((await dataOf(services(), cancel, { runId: 'nobody' })).cancelRun).toMatchObject({ __typename: 'NotFound' });
  });

  it('clones a definition under another name, with changes, and says where it came from', async () => {
    const id = await created({ question: 'Why?', tags: ['old'] });
    const clone = `mutation ($input: CloneExperimentInput!) { outcome: cloneExperiment(input: $input) { ${outcomeFields} } }`;
    const input = { id, name: 'Copy', changes: { seeds: [7], teacher: { random: {} } } };
    const { outcome } = await dataOf(services(), clone, { input });
    expect(outcome.experiment).toMatchObject({ name: 'Copy', state: 'draft', clonedFrom: id, tags: ['old'] });
    expect((await runsOf(outcome.experiment.id)).map(({ variant, seed }) => [variant, seed])).toEqual([
      ['scratch', 7],
      ['kd', 7],
    ]);
    expect(await runsOf(id)).toHaveLength(5);
    const wrong = await dataOf(services(), clone, { input: { ...input, changes: { seeds: [1.0, 1] } } });
    expect(wrong.outcome).toMatchObject({ __typename: 'InvalidInput', problems: [{ path: 'seeds.1' }] });
  });

  it('adds and removes tags', async () => {
    const id = await created({ tags: ['a', 'b'] });
    const tag = (add: string[], remove: string[]) =>
      change(
        'tagExperiment',
        { id, add, remove },
        '$id: ID!, $add: [String!]!, $remove: [String!]!',
        'id: $id, add: $add, remove: $remove',
      );
    expect((await tag(['c', 'a'].slice(0, 1), ['a'])).experiment.tags).toEqual(['b', 'c']);
    expect(await tag([' '], [])).toMatchObject({ __typename: 'InvalidInput', problems: [{ path: 'add.0' }] });
    expect(
      await tag(
        Array.from({ length: 19 }, (_, n) => `t${n}`),
        [],
      ),
    ).toMatchObject({ problems: [{ path: 'add', message: '21 tags, at most 20 are allowed' }] });
  });

  it('keeps remarks on experiments and runs, with who wrote them', async () => {
    const id = await created();
    const runId = (await runsOf(id))[1]!.id;
    const annotate = `mutation ($input: NoteInput!) { annotate(input: $input) {
      __typename ... on NotePayload { note { text author runId } } ... on Failure { problems { path } } } }`;
    const answer = async (input: object) => (await dataOf(services(), annotate, { input })).annotate;
    expect(await answer({ runId, text: 'odd' })).toEqual({
      __typename: 'NotePayload',
      note: { text: 'odd', author: 'tester', runId },
    });
    await answer({ experimentId: id, text: 'good' });
    expect(await answer({ text: '' })).toMatchObject({ problems: [{ path: 'experimentId' }, { path: 'text' }] });
    const read = await dataOf(
      services(),
      `query ($id: ID!, $runId: ID!) { experiment(id: $id) { notes { text } } run(id: $runId) { notes { text } } }`,
      { id, runId },
    );
    expect(read).toEqual({
      experiment: { notes: [{ text: 'odd' }, { text: 'good' }] },
      run: { notes: [{ text: 'odd' }] },
    });
  });

  it('puts an experiment out of sight and back, but not while it is at work', async () => {
    const id = await created({}, true);
    const archive = (archived: boolean) =>
      change('archiveExperiment', { id, archived }, '$id: ID!, $archived: Boolean!', 'id: $id, archived: $archived');
    const seen = async () =>
      (await dataOf(services(), '{ experiments { totalCount nodes { id } } }')).experiments.totalCount;
    expect(await archive(true)).toMatchObject({
      __typename: 'Conflict',
      problems: [{ message: expect.stringContaining('5 runs') }],
    });
    await change('cancelExperiment', { id });
    expect(await archive(true)).toMatchObject({ __typename: 'ExperimentPayload', repeated: false });
    expect(await seen()).toBe(0);
    expect(await archive(false)).toMatchObject({ repeated: false });
    expect(await seen()).toBe(1);
  });
});

describe('reading experiments and runs', () => {
  it('gives an experiment with its runs, their parameters, and back to the experiment', async () => {
    const id = await created();
    const source = `query ($id: ID!) { experiment(id: $id) { name definition runs(first: 2, filter: { method: { eq: "kd" } }) {
      totalCount pageInfo { hasNextPage } nodes { position seed parameters(names: ["alpha"]) { name number } spec experiment { id } progress { totalEpochs } } } } }`;
    const { experiment } = await dataOf(services(), source, { id });
    expect(experiment.definition).toMatchObject({ seeds: [0, 1], vectors: null });
    expect(experiment.runs).toMatchObject({
      totalCount: 2,
      pageInfo: { hasNextPage: false },
      nodes: [
        {
          position: 3,
          seed: 0,
          parameters: [{ name: 'alpha', number: 0.7 }],
          experiment: { id },
          progress: { totalEpochs: 10 },
        },
        { position: 4, seed: 1 },
      ],
    });
    expect(experiment.runs.nodes[0].spec.method).toBe('kd');
  });

  it('finds experiments by tag and name, the newest first, page by page', async () => {
    const ids = [
      await created({ name: 'One', tags: ['x'] }),
      await created({ name: 'Two' }),
      await created({ name: 'Three', tags: ['x'] }),
    ];
    const source = `query ($filter: ExperimentFilterInput, $after: String) {
      experiments(filter: $filter, first: 1, after: $after, orderBy: [{ field: NAME, direction: DESC }]) {
        totalCount pageInfo { hasNextPage endCursor } nodes { id } } }`;
    const filter = { OR: [{ tag: { eq: 'x' } }, { name: { startsWith: 'tw' } }], NOT: { name: { eq: 'Three' } } };
    const first = (await dataOf(services(), source, { filter })).experiments;
    expect(first).toMatchObject({ totalCount: 2, pageInfo: { hasNextPage: true }, nodes: [{ id: ids[1] }] });
    const second = (await dataOf(services(), source, { filter, after: first.pageInfo.endCursor })).experiments;
    expect(second).toMatchObject({ pageInfo: { hasNextPage: false }, nodes: [{ id: ids[0] }] });
  });

  it('gives null for what is not there', async () => {
    expect(await dataOf(services(), '{ run(id: "no") { id } experiment(id: "no") { id } }')).toEqual({
      run: null,
      experiment: null,
    });
  });

  it('tells the problems of bad arguments in the extensions', async () => {
    const { errors } = await ask(services(), '{ runs(first: 0, filter: { seed: { eq: null } }) { totalCount } }');
    expect(errors[0]!.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      problems: [{ path: 'filter.seed.eq' }, { path: 'first' }],
    });
  });
});
