import { findReadyRuns, storeWaitingReason } from '../../../api/launcher/dispatch.store';
import { launchReadyRuns } from '../../../api/launcher/dispatcher';
import type { Job, Launcher } from '../../../api/launcher/launcher';
import { cancelRun } from '../../../api/runs/run-control.service';
import { alone } from '../../../api/team/team';
import { specKey } from '../../../contract/keys';
import { insertExperiment, insertRun, readRun, useTestServices } from '../../testkit/api-services';

const services = useTestServices();
beforeEach(() => insertExperiment(services()));

/** A launcher that only notes what it is given. */
function notingLauncher(): { launcher: Launcher; launched: Job[] } {
  const launched: Job[] = [];
  const launcher = {
    description: 'notes',
    slots: () => ({ total: 4, busy: launched.length }),
    launch: (job: Job) => void launched.push(job),
    stop: () => {},
    jobs: () => launched,
    close: async () => {},
  };
  return { launcher, launched };
}

describe('launching', () => {
  it('starts no trainer for a run that was cancelled after it was found ready', async () => {
    await insertRun(services(), 'cancelled');
    await insertRun(services(), 'wanted');
    const write = services().objects.write.bind(services().objects);
    const objects = {
      ...services().objects,
      // Between the look at the records and the claim.
      write: async (...given: Parameters<typeof write>) => {
        if (given[0] === specKey('cancelled')) await cancelRun(services(), 'cancelled');
        return write(...given);
      },
    };
    const { launcher, launched } = notingLauncher();
    await launchReadyRuns({ ...services(), objects }, launcher, [], alone, () => {});
    expect(launched.map(({ runId }) => runId)).toEqual(['wanted']);
    expect((await readRun(services(), 'cancelled')).state).toBe('CANCELLED');
  });

  it('leaves out the given runs and experiments; empty lists leave out nothing', async () => {
    await insertExperiment(services(), { id: 'other' });
    for (const id of ['a', 'b']) await insertRun(services(), id);
    await insertRun(services(), 'c', { experiment_id: 'other' });
    const ready = async (excluded: Parameters<typeof findReadyRuns>[2]) =>
      (await findReadyRuns(services().database, 10, excluded)).map(({ id }) => id).sort();
    expect(await ready({})).toEqual(['a', 'b', 'c']);
    expect(await ready({ runs: [], experiments: [] })).toEqual(['a', 'b', 'c']);
    expect(await ready({ runs: ['a'] })).toEqual(['b', 'c']);
    expect(await ready({ experiments: ['other'] })).toEqual(['a', 'b']);
  });

  it('leaves the waiting reason of a run that began meanwhile', async () => {
    await insertRun(services(), 'waits');
    await insertRun(services(), 'began', { state: 'RUNNING', revision: 3 });
    await storeWaitingReason(services().database, ['waits', 'began'], 'all slots are busy', 'PENDING');
    expect(await readRun(services(), 'waits')).toMatchObject({ waiting_reason: 'all slots are busy' });
    expect(await readRun(services(), 'began')).toMatchObject({ waiting_reason: null, revision: 3 });
  });
});
