import { followRuns } from '../../../api/subscriptions/run-updates.service';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';

const services = useTestServices();
const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 1, seconds)).toISOString();

async function change(id: string, seconds: number, revision: number): Promise<void> {
  await services()
    .database.updateTable('run')
    .set({ updated_at: at(seconds), revision })
    .where('id', '=', id)
    .execute();
  services().changes.runChanged('experiment', id);
}

it('a change that is seen after a later one is told all the same, and none twice', async () => {
  await insertExperiment(services());
  for (const [place, id] of ['early', 'late'].entries()) await insertRun(services(), id, { updated_at: at(place) });
  const updates = await followRuns(services(), 'experiment', null);
  const next = async () => {
    const { value } = await updates.next();
    return typeof value === 'object' ? `${value.run.id} ${value.run.revision}` : value;
  };
  expect([await next(), await next()]).toEqual(['early 0', 'late 0']);

  // It began before the other, and ends behind it.
  const waiting = next();
  await change('late', 5, 1);
  expect(await waiting).toBe('late 1');
  const missed = next();
  await change('early', 4, 1);
  expect(await missed).toBe('early 1');
  const last = next();
  await change('late', 6, 2);
  expect(await last).toBe('late 2');
  await updates.return!();
});
