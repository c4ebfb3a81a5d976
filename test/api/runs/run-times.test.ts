import { setTimeout as sleep } from 'node:timers/promises';
import { applyEvent } from '../../../api/runs/run-life.service';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';

const services = useTestServices();

const startedAt = async () => (await dataOf(services(), '{ run(id: "r") { startedAt } }')).run.startedAt;
const apply = async (...events: Parameters<typeof applyEvent>[2][]) => {
  for (const event of events) await applyEvent(services(), 'r', event);
};

describe('the start of a run', () => {
  it('is that of its first progress, over all attempts', async () => {
    await insertExperiment(services(), {});
    await insertRun(services(), 'r', {});
    await apply({ kind: 'claimed', attempt: 1 }, { kind: 'started', attempt: 1 });
    expect(await startedAt()).toBeNull();
    const before = Date.now();
    await apply({ kind: 'progressed', attempt: 1 });
    const first = await startedAt();
    expect(Date.parse(first)).toBeWithin(before, Date.now());

    await sleep(5);
    await apply({ kind: 'interrupted', attempt: 1, reason: '', left: 'checkpoint' });
    await apply({ kind: 'claimed', attempt: 2 }, { kind: 'started', attempt: 2 }, { kind: 'progressed', attempt: 2 });
    expect(await startedAt()).toBe(first);
  });
});
