import { retryFailedRuns } from '../../../api/experiments/experiment-control.service';
import { cancelExperiment } from '../../../api/runs/run-control.service';
import { cancelledKey } from '../../../contract/keys';
import { insertExperiment, insertRun, readRun, useTestServices } from '../../testkit/api-services';
import { countTransactions } from '../../testkit/counted-transactions';

const services = useTestServices();
const count = 450;

const statesOf = async () => {
  const rows = await services().database.selectFrom('run').select(['state', 'cancel_requested', 'revision']).execute();
  const counts: Record<string, number> = {};
  for (const { state, cancel_requested, revision } of rows) {
    const key = `${state} ${cancel_requested} r${revision}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
};

describe('hundreds of runs of one experiment', () => {
  beforeEach(async () => {
    await insertExperiment(services());
    await insertRun(services(), 'run-0');
    const { id: _, ...template } = await readRun(services(), 'run-0');
    const others = Array.from({ length: count - 1 }, (_each, place) => ({ ...template, id: `run-${place + 1}` }));
    for (let start = 0; start < others.length; start += 100)
      await services()
        .database.insertInto('run')
        .values(others.slice(start, start + 100))
        .execute();
  });

  const set = (ids: string[], values: object) =>
    services().database.updateTable('run').set(values).where('id', 'in', ids).execute();

  it('are cancelled in a few transactions, each with its mark: at once where they wait, else asked to stop', async () => {
    await set(['run-1', 'run-2'], { state: 'RUNNING', attempt: 1 });
    await set(['run-3'], { state: 'SUCCEEDED' });
    const { database, changedRows } = countTransactions(services().database);
    expect(await cancelExperiment({ ...services(), database }, 'experiment')).toBe(count - 1);
    expect(await statesOf()).toEqual({ 'CANCELLED 1 r1': count - 3, 'RUNNING 1 r1': 2, 'SUCCEEDED 0 r0': 1 });
    expect(await readRun(services(), 'run-1')).toMatchObject({ phase: 'stopping', finished_at: null });
    expect((await readRun(services(), 'run-4')).finished_at).not.toBeNull();
    expect(changedRows.length).toBeLessThanOrEqual(Math.ceil(count / 200) + 1);
    for (const id of ['run-1', 'run-4']) expect(await services().objects.info(cancelledKey(id))).not.toBeNull();
    expect(await services().objects.info(cancelledKey('run-3'))).toBeNull();
  });

  it('are not cancelled where their marks cannot be written', async () => {
    jest.spyOn(services().objects, 'write').mockRejectedValue(new Error('AccessDenied'));
    await expect(cancelExperiment(services(), 'experiment')).rejects.toThrow('AccessDenied');
    expect(await statesOf()).toEqual({ 'PENDING 0 r0': count });
  });

  it('are tried again in one transaction, with a teacher of theirs that failed, without others', async () => {
    await services().database.updateTable('run').set({ state: 'FAILED', failure_kind: 'crash' }).execute();
    await services().database.updateTable('experiment').set({ state: 'stopped', stop_kind: 'failures' }).execute();
    await insertExperiment(services(), { id: 'other' });
    await insertRun(services(), 'elsewhere', { experiment_id: 'other', state: 'FAILED' });
    await set(['run-1'], { depends_on: 'run-0' });
    await set(['run-2'], { depends_on: 'elsewhere' });
    const outcome = await retryFailedRuns(services(), 'experiment', null);
    expect('runIds' in outcome && outcome.runIds.length).toBe(count - 1);
    expect('runIds' in outcome && outcome.experiment.state).toBe('launched');
    expect(await readRun(services(), 'run-1')).toMatchObject({ state: 'PENDING', failure_kind: null, revision: 1 });
    expect(await readRun(services(), 'run-2')).toMatchObject({ state: 'FAILED', revision: 0 });
  });
});
