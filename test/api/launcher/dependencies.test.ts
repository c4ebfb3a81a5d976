import { inTransaction } from '../../../api/database/transaction';
import { findReadyRuns } from '../../../api/launcher/dispatch.store';
import { followDependencies } from '../../../api/launcher/dispatcher';
import { retryFailedRunsIn, retryRun } from '../../../api/runs/run-control.service';
import type { RunState } from '../../../contract/run-states';
import { insertExperiment, insertRun, readRun, useTestServices } from '../../testkit/api-services';

const services = useTestServices();
beforeEach(async () => {
  await insertExperiment(services());
  for (const id of ['t', 's']) await insertRun(services(), id);
  await insertRun(services(), 'both', { depends_on: 't', student_depends_on: 's' });
  await insertRun(services(), 'next', { student_depends_on: 'both' });
});

const setState = (id: string, state: RunState, failure: string | null = null) =>
  services()
    .database.updateTable('run')
    .set({ state, failure_message: failure, failure_kind: failure && 'crash' })
    .where('id', '=', id)
    .execute();
const ready = async () => (await findReadyRuns(services().database, 10, {})).map(({ id }) => id);

describe('a run that takes the models of two others', () => {
  it('is ready once both have succeeded', async () => {
    expect(await ready()).toEqual(['t', 's']);
    await setState('t', 'SUCCEEDED');
    expect(await ready()).toEqual(['s']);
    await setState('t', 'RUNNING');
    await setState('s', 'SUCCEEDED');
    expect(await ready()).toEqual([]);
    await setState('t', 'SUCCEEDED');
    expect(await ready()).toEqual(['both']);
  });

  it.each([
    ['s', 'FAILED', 'its student, run s, failed: memory ran out. Retry that run'],
    ['t', 'FAILED', 'its teacher, run t, failed: memory ran out. Retry that run'],
    ['s', 'CANCELLED', 'its student, run s, was cancelled. Retry that run'],
    ['s', 'STOPPED', 'its student, run s, was stopped by successive halving. Retry that run'],
  ] as const)(
    'fails, and those behind it too, when run %s is %s; a retry of that run has all go on',
    async (id, state, message) => {
      await setState('t', 'SUCCEEDED');
      await setState('s', 'SUCCEEDED');
      await setState(id, state, state === 'FAILED' ? 'memory ran out.' : null);
      await followDependencies(services());
      await followDependencies(services());
      const failed = await readRun(services(), 'both');
      expect(failed).toMatchObject({ state: 'FAILED', failure_kind: 'dependency', attempt: 0 });
      expect(failed.failure_message).toContain(message);
      expect((await readRun(services(), 'next')).failure_message).toContain('its student, run both, failed: its ');

      expect(await retryRun(services(), 'both')).toMatchObject({ kind: 'refused' });
      expect(await retryRun(services(), id)).toMatchObject({ kind: 'done', changed: true });
      await followDependencies(services());
      await followDependencies(services());
      expect((await readRun(services(), 'both')).state).toBe('PENDING');
      expect((await readRun(services(), 'next')).state).toBe('PENDING');
    },
  );

  it('is retried with all failed runs of the experiment', async () => {
    await setState('t', 'SUCCEEDED');
    await setState('s', 'FAILED', 'memory ran out.');
    await followDependencies(services());
    await followDependencies(services());
    const retried = await inTransaction(services().database, (transaction) =>
      retryFailedRunsIn(transaction, 'experiment'),
    );
    expect(retried.map(({ id }) => id)).toEqual(['s', 'both', 'next']);
  });

  it('goes on also where an earlier version recorded that its teacher had failed', async () => {
    await setState('both', 'FAILED', 'its teacher failed');
    await services().database.updateTable('run').set({ failure_kind: 'teacher' }).where('id', '=', 'both').execute();
    await followDependencies(services());
    expect((await readRun(services(), 'both')).state).toBe('PENDING');
  });
});
