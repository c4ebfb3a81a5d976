import { stopBeyondMaxCost } from '../../../api/cost/max-cost.service';
import { setMaxCost } from '../../../api/experiments/experiment-control.service';
import { ingestResult, ingestRun } from '../../../api/ingest/ingest.service';
import { settleAttempt } from '../../../api/launcher/settle';
import { applyEvent } from '../../../api/runs/run-life.service';
import type { Energy } from '../../../contract/records';
import { insertExperiment, insertRun, readRun, type TestServices, useTestServices } from '../../testkit/api-services';
import { writeAttempt, writeEnd, writeProgress, writeResult } from '../../testkit/written-run';

const testServices = useTestServices();
let services: TestServices;

beforeEach(async () => {
  services = testServices();
  await insertExperiment(services);
  await insertRun(services, 'r');
});

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
const energy = (wattHours: number, source: Energy['source'] = 'measured'): Energy => ({ wattHours, source, how: '' });
const machine = { instanceType: 'g5.xlarge', capacity: 'on-demand' } as const;

async function begin(attempt: number, seconds: number, given: object = { machine }) {
  await applyEvent(services, 'r', { kind: 'claimed', attempt });
  await writeAttempt(services.objects, 'r', attempt, null, { startedAt: at(seconds), ...given });
}
const settle = (attempt: number) =>
  settleAttempt(services, { runId: 'r', attempt }, null, { crashLimit: 3, interruptedReason: '' });
const attempts = () => services.database.selectFrom('attempt').selectAll().orderBy('number').execute();
const experiment = () => services.database.selectFrom('experiment').selectAll().executeTakeFirstOrThrow();

describe('the cost of a run', () => {
  it('is that of all its attempts, by the second, at the price of the machine of each', async () => {
    await begin(1, 0);
    await writeProgress(services.objects, 'r', { attempt: 1, at: at(1800), energy: energy(50) });
    await ingestRun(services, 'r');
    expect(await readRun(services, 'r')).toMatchObject({
      instance_type: 'g5.xlarge',
      price_per_hour: expect.closeTo(1.017575, 6),
      billed_seconds: 1800,
      cost: expect.closeTo(1.017575 / 2, 5),
      energy_watt_hours: 50,
      energy_source: 'measured',
    });
    const end = { outcome: 'interrupted', endedAt: at(3600), step: 1, energy: energy(100) } as const;
    await writeEnd(services.objects, 'r', 1, end);
    await settle(1);
    await begin(2, 10_000, { machine: { instanceType: 'g4dn.xlarge', capacity: 'spot' } });
    await writeProgress(services.objects, 'r', { attempt: 2, at: at(13_600), energy: energy(30, 'estimated') });
    await ingestRun(services, 'r');

    expect(await readRun(services, 'r')).toMatchObject({
      instance_type: 'g4dn.xlarge',
      price_per_hour: expect.closeTo(0.537575, 6),
      billed_seconds: 7200,
      cost: expect.closeTo(1.017575 + 0.537575, 5),
      energy_watt_hours: 130,
      energy_source: 'estimated',
    });
    expect(await attempts()).toMatchObject([
      { number: 1, billed_seconds: 3600, cost: expect.closeTo(1.017575, 5), capacity: 'on-demand' },
      { number: 2, billed_seconds: 3600, price_source: expect.stringContaining('a spot machine costs less') },
    ]);
  });

  it('begins with the launch of its machine, which is paid for while it starts', async () => {
    const machine = { instanceType: 'g5.xlarge', capacity: 'on-demand', billedFrom: at(-300) } as const;
    await begin(1, 0, { machine });
    await writeProgress(services.objects, 'r', { attempt: 1, at: at(1800) });
    await ingestRun(services, 'r');
    expect(await readRun(services, 'r')).toMatchObject({ billed_seconds: 2100 });
    expect(await attempts()).toMatchObject([{ started_at: at(0), billed_from: at(-300) }]);
  });

  it('counts to the end of a run that succeeded, and is never made less by what arrives late', async () => {
    await begin(1, -7200);
    await writeResult(services.objects, 'r');
    await ingestResult(services, 'r');
    expect(await readRun(services, 'r')).toMatchObject({ state: 'SUCCEEDED', billed_seconds: 7200 });
    await writeProgress(services.objects, 'r', { attempt: 1, at: at(-3600) });
    await ingestRun(services, 'r');
    expect(await readRun(services, 'r')).toMatchObject({ billed_seconds: 7200, cost: expect.closeTo(2 * 1.017575, 5) });
  });

  it('is not known on this machine unless its price is set', async () => {
    await begin(1, 0, {});
    await writeProgress(services.objects, 'r', { attempt: 1, at: at(3600) });
    await ingestRun(services, 'r');
    expect(await readRun(services, 'r')).toMatchObject({ billed_seconds: 3600, cost: null, instance_type: null });

    await insertRun(services, 's');
    services.prices = { perHour: 0.25, machines: new Map() };
    await applyEvent(services, 's', { kind: 'claimed', attempt: 1 });
    await writeAttempt(services.objects, 's', 1, null, { startedAt: at(0) });
    await writeProgress(services.objects, 's', { attempt: 1, at: at(7200) });
    await ingestRun(services, 's');
    expect(await readRun(services, 's')).toMatchObject({ cost: 0.5 });
  });
});

describe('the most an experiment may cost', () => {
  const costing = (id: string, cost: number | null) =>
    services.database.updateTable('run').set({ cost, billed_seconds: 10 }).where('id', '=', id).execute();
  const limited = (max_cost: number) => services.database.updateTable('experiment').set({ max_cost }).execute();

  it('stops its launching when its runs have reached it, those at work included, and says so', async () => {
    await insertRun(services, 's');
    await limited(2);
    await costing('r', 1.5);
    await stopBeyondMaxCost(services);
    expect(await experiment()).toMatchObject({ state: 'launched' });
    await costing('s', 0.6);
    await stopBeyondMaxCost(services);
    expect(await experiment()).toMatchObject({
      state: 'stopped',
      stop_kind: 'cost',
      stop_reason:
        'Its runs cost 2.10 USD so far, the limit is 2.00 USD, the most it may cost (maxCost). Raise it by setMaxCost: that launches the waiting runs as well.',
    });
  });

  it('can be raised, which launches it again, and lifted', async () => {
    await limited(2);
    await costing('r', 2.5);
    await stopBeyondMaxCost(services);
    expect(await setMaxCost(services, 'experiment', 3)).toMatchObject({ repeated: false });
    await stopBeyondMaxCost(services);
    expect(await experiment()).toMatchObject({ state: 'launched', max_cost: 3, stop_reason: null });
    expect(services.wakeUps).toBeGreaterThan(0);
    expect(await setMaxCost(services, 'experiment', null)).toMatchObject({ experiment: { max_cost: null } });
  });

  it('launches nothing again that stopped for its failures', async () => {
    await services.database.updateTable('experiment').set({ state: 'stopped', stop_kind: 'failures' }).execute();
    await setMaxCost(services, 'experiment', 3);
    expect(await experiment()).toMatchObject({ state: 'stopped' });
  });

  it('stops what it cannot be kept for, because a price is not known', async () => {
    await limited(2);
    await costing('r', null);
    await stopBeyondMaxCost(services);
    expect((await experiment()).stop_reason).toContain('1 of its runs were on machines whose price is not known');
  });

  it('is refused where it is no amount', async () => {
    expect(await setMaxCost(services, 'experiment', -1)).toMatchObject({
      kind: 'INVALID_INPUT',
      problems: [{ path: 'maxCost', message: '-1 must be a number above 0 (USD), or null for no limit' }],
    });
  });
});
