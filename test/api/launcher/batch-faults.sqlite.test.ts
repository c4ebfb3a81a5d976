import fc from 'fast-check';
import { handleJobEvent, reconcileBatch } from '../../../api/launcher/batch';
import { type Batch, connectBatch } from '../../../api/launcher/batch-connection';
import { jobManifestKey } from '../../../contract/keys';
import { insertExperiment, insertRun, type TestServices, useTestServices } from '../../testkit/api-services';
import { testBatchSettings } from '../../testkit/batch-settings';
import { FakeBatch, type FakeJob, type Fault, isOver } from '../../testkit/fake-batch';
import { passSeconds } from '../../testkit/passing-time';
import { writeAttempt, writeEnd, writeResult } from '../../testkit/written-run';

const testServices = useTestServices();
afterEach(() => jest.useRealTimers());

/** More of them by STILLHOUSE_FAULT_SCHEDULES. */
const schedules = Number(process.env.STILLHOUSE_FAULT_SCHEDULES ?? 20);

/**
 * Where a process may die on the way from a ready run to a recorded job: before it has written the run's definition,
 * between the claim and the submission, before Batch has the request, and between its answer and the record of it.
 */
const deaths = ['write', 'delete', 'before-send', 'after-send'] as const;
type Death = (typeof deaths)[number];

type Step =
  | { kind: 'look'; faults: Partial<Record<string, Fault>>; death: Death | null }
  | { kind: 'two looks at once' }
  | { kind: 'time passes'; seconds: number }
  | { kind: 'a job moves'; which: number; how: 'on' | 'succeeds' | 'crashes' | 'is reclaimed' | 'loses its machine' }
  | { kind: 'events'; seed: number; lost: number; twice: number };

const faultArbitrary = fc.option(
  fc.constantFrom<Fault>('throttled', 'error-before', 'error-after', 'lost-before', 'lost'),
  { nil: undefined, freq: 2 },
);
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('look' as const),
      faults: fc.record({
        submitjob: faultArbitrary,
        describejobs: faultArbitrary,
        listjobs: faultArbitrary,
        terminatejob: faultArbitrary,
      }),
      death: fc.option(fc.constantFrom(...deaths), { nil: null, freq: 2 }),
    }) as fc.Arbitrary<Step>,
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'two looks at once' }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('time passes' as const), seconds: fc.constantFrom(5, 130, 130) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('a job moves' as const),
      which: fc.nat(9),
      how: fc.constantFrom('on', 'on', 'succeeds', 'crashes', 'is reclaimed', 'loses its machine') as fc.Arbitrary<
        Extract<Step, { kind: 'a job moves' }>['how']
      >,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('events' as const),
      seed: fc.nat(1000),
      lost: fc.constantFrom(0, 0.5, 1),
      twice: fc.constantFrom(0, 0.5),
    }),
  },
);

/** Batch, runs and processes that die, by one schedule. */
class World {
  readonly services: TestServices;
  readonly fake = new FakeBatch();
  readonly runIds: string[];
  private batch!: Batch;
  private death: Death | null = null;

  constructor(
    private readonly given: TestServices,
    name: string,
  ) {
    this.runIds = ['a', 'b', 'c', 'd'].map((letter) => `${name}${letter}`);
    const { objects } = given;
    this.services = {
      ...given,
      objects: {
        ...objects,
        write: async (...words) => {
          await this.dies('write');
          return objects.write(...words);
        },
        delete: async (key) => {
          await this.dies('delete');
          return objects.delete(key);
        },
      },
    };
  }

  async begin(): Promise<void> {
    const { database } = this.given;
    for (const table of ['run', 'experiment', 'attempt', 'batch_job', 'ingest'] as const)
      await database.deleteFrom(table).execute();
    await insertExperiment(this.given);
    for (const [place, id] of this.runIds.entries())
      await insertRun(this.given, id, { group_id: place < 2 ? 'seeds' : id, created_at: new Date().toISOString() });
    await this.fake.listen();
    this.batch = connectBatch(testBatchSettings(this.fake, { crashLimit: 1000 }));
    const send = this.batch.submitClient.send.bind(this.batch.submitClient);
    this.batch.submitClient.send = (async (command: never, options: never) => {
      await this.dies('before-send');
      const answer = await send(command, options);
      await this.dies('after-send');
      return answer;
    }) as never;
  }

  /** A dead process never gets any further. */
  private async dies(at: Death): Promise<void> {
    if (this.death === at) await new Promise(() => {});
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'look':
        this.fake.fault = (operation) => step.faults[operation] ?? null;
        this.death = step.death;
        await this.look(step.death !== null);
        this.fake.fault = () => null;
        this.death = null;
        return;
      case 'two looks at once':
        await Promise.all([this.look(false), this.look(false)]);
        return;
      case 'time passes':
        return passSeconds(step.seconds);
      case 'a job moves':
        return this.moveJob(step.which, step.how);
      case 'events':
        return this.deliver(step);
    }
  }

  /** A look that is held up where it begins to read objects: behind what Batch told it, before it draws any conclusion. */
  async heldLook(): Promise<{ goOn(): Promise<void> }> {
    const { objects } = this.given;
    let goOn = () => {};
    const going = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let held = () => {};
    const reached = new Promise<void>((resolve) => {
      held = resolve;
    });
    const list: typeof objects.list = async (...words) => {
      held();
      await going;
      return objects.list(...words);
    };
    const done = this.look(false, { ...this.services, objects: { ...this.services.objects, list } });
    await reached;
    return {
      goOn() {
        goOn();
        return done;
      },
    };
  }

  private async look(mayDie: boolean, services: TestServices = this.services): Promise<void> {
    const done = reconcileBatch(services, this.batch).catch(() => {});
    // Of a process that died nothing is heard: it is given up when it has got as far as it could.
    await (mayDie ? Promise.race([done, new Promise((resolve) => setTimeout(resolve, 150))]) : done);
  }

  private async moveJob(which: number, how: Extract<Step, { kind: 'a job moves' }>['how']): Promise<void> {
    const open = this.fake.working().filter((job) => !isOver(job));
    const job = open[which % Math.max(1, open.length)];
    if (job === undefined) return;
    const order = ['SUBMITTED', 'RUNNABLE', 'STARTING', 'RUNNING'] as const;
    if (how === 'on' || job.status !== 'RUNNING') {
      const next = order[order.indexOf(job.status as 'RUNNABLE') + 1];
      return next === undefined ? undefined : this.fake.move(job, next);
    }
    if (how === 'loses its machine') return this.fake.end(job, { statusReason: 'Host EC2 (instance i-1) terminated.' });
    await this.carryOut(job, how);
  }

  /** As a trainer does: claims the next attempt, writes what it writes, and leaves. */
  async carryOut(job: FakeJob, how: 'succeeds' | 'crashes' | 'is reclaimed'): Promise<void> {
    const { objects } = this.given;
    const id = await this.runOf(job);
    const before = (await objects.list(`runs/${id}/attempts/`)).objects.filter(({ key }) => /\d\.json$/.test(key));
    const attempt = before.length + 1;
    if ((await objects.info(`runs/${id}/result.json`)) === null) {
      await writeAttempt(objects, id, attempt, null, { job: job.jobId });
      const endedAt = new Date().toISOString();
      if (how === 'succeeds') await writeResult(objects, id, attempt);
      if (how === 'is reclaimed') await writeEnd(objects, id, attempt, { outcome: 'interrupted', endedAt, step: 1 });
    }
    this.fake.end(job, { exitCode: how === 'succeeds' ? 0 : how === 'crashes' ? 1 : 75 });
  }

  private async runOf({ request, jobName, arrayProperties }: FakeJob): Promise<string> {
    const index = arrayProperties?.index;
    if (index === undefined) return request.containerOverrides!.environment![0]!.value!;
    const manifest = await this.given.objects.read(jobManifestKey(jobName));
    return JSON.parse(Buffer.from(manifest!).toString()).runIds[index];
  }

  private async deliver({ seed, lost, twice }: { seed: number; lost: number; twice: number }): Promise<void> {
    let state = seed + 1;
    const chance = () => {
      state = (state * 48271) % 0x7fffffff;
      return state / 0x7fffffff;
    };
    const events = this.fake.events
      .splice(0)
      .filter(() => chance() >= lost)
      .flatMap((event) => (chance() < twice ? [event, event] : [event]))
      .sort(() => chance() - 0.5);
    for (const event of events) await handleJobEvent(this.services, this.batch, event);
  }

  /** No run may be in two jobs that are not over. */
  async doubled(): Promise<string[]> {
    const open = this.fake.working().filter((job) => !isOver(job));
    const ids = await Promise.all(open.map((job) => this.runOf(job)));
    return ids.filter((id, place) => ids.indexOf(id) < place);
  }

  /** The runs of all jobs that were ever submitted. */
  async submitted(): Promise<string[]> {
    return (await Promise.all(this.fake.working().map((job) => this.runOf(job)))).sort();
  }

  /** The faults are over: what was begun must come to its end, whether any event arrives or not. */
  async heal(): Promise<string[]> {
    for (let round = 0; round < 12; round += 1) {
      passSeconds(130);
      // Failures of the machinery stop an experiment: somebody looks into it, and goes on.
      await this.given.database
        .updateTable('experiment')
        .set({ state: 'launched', infrastructure_failures: 0 })
        .execute();
      await this.look(false);
      for (const job of this.fake.working().filter((each) => !isOver(each))) {
        if (job.terminated !== null && job.status === 'RUNNING') this.fake.end(job, { exitCode: 75 });
        else {
          if (job.status !== 'RUNNING') this.fake.move(job, 'RUNNING');
          await this.carryOut(job, 'succeeds');
        }
      }
    }
    const runs = await this.given.database.selectFrom('run').select(['id', 'state']).execute();
    return runs.filter(({ state }) => state !== 'SUCCEEDED').map(({ id, state }) => `${id} is ${state}`);
  }
}

/** A world with its end: `use` gets it, and its server is closed whatever happens. */
async function withWorld(name: string, use: (world: World) => Promise<void>): Promise<void> {
  const world = new World(testServices(), name);
  await world.begin();
  await use(world).finally(() => world.fake.close());
}

const faults: Fault[] = ['throttled', 'error-before', 'error-after', 'lost-before', 'lost'];
const firstLooks: [string, Step][] = [
  ...faults.map((fault): [string, Step] => [
    `a submission that is ${fault}`,
    { kind: 'look', faults: { submitjob: fault }, death: null },
  ]),
  ...deaths.map((death): [string, Step] => [`a death at ${death}`, { kind: 'look', faults: {}, death }]),
];
const look: Step = { kind: 'look', faults: {}, death: null };
const unlistable: Step = { kind: 'look', faults: { listjobs: 'error-before', describejobs: 'lost' }, death: null };

describe.each(firstLooks)('after %s', (_what, first) => {
  it('every run is submitted once, and comes to its end', () =>
    withWorld('w', async (world) => {
      const steps = [first, look, { kind: 'time passes', seconds: 130 } as const, unlistable, look, look];
      for (const step of steps) {
        await world.take(step);
        expect(await world.doubled()).toEqual([]);
      }
      await world.take({ kind: 'time passes', seconds: 130 });
      await world.take(look);
      expect(await world.doubled()).toEqual([]);
      expect(await world.submitted()).toEqual(world.runIds);
      expect(await world.heal()).toEqual([]);
    }));

  it('two that look for it at once submit it once', () =>
    withWorld('w', async (world) => {
      await world.take(first);
      for (let round = 0; round < 2; round += 1) {
        await world.take({ kind: 'time passes', seconds: 130 });
        await world.take({ kind: 'two looks at once' });
        expect(await world.doubled()).toEqual([]);
      }
      expect(await world.submitted()).toEqual(world.runIds);
      expect(await world.heal()).toEqual([]);
    }));
});

it('an end that another has settled meanwhile ends nothing of what was launched since', () =>
  withWorld('w', async (world) => {
    await world.take(look);
    const job = world.fake.working()[0]!;
    for (const status of ['RUNNABLE', 'STARTING', 'RUNNING'] as const) world.fake.move(job, status);
    await world.carryOut(job, 'crashes');
    const slow = await world.heldLook();
    await world.take(look);
    await world.take(look);
    const launched = (await world.submitted()).length;
    expect(launched).toBeGreaterThan(world.runIds.length);
    await slow.goOn();
    await world.take(look);
    expect(await world.doubled()).toEqual([]);
    expect(await world.submitted()).toHaveLength(launched);
    expect(await world.heal()).toEqual([]);
  }));

it('a job that Batch does not describe yet has not ended', () =>
  withWorld('w', async (world) => {
    world.fake.describesAfterMilliseconds = 100_000;
    for (const step of [look, { kind: 'time passes', seconds: 5 } as const, look, look]) await world.take(step);
    expect(await world.submitted()).toEqual(world.runIds);
    expect(await world.heal()).toEqual([]);
  }));

const late: Step = { kind: 'look', faults: { submitjob: 'late' }, death: null };
const unanswered: Step = { kind: 'look', faults: { submitjob: 'lost' }, death: null };
const waitLong: Step = { kind: 'time passes', seconds: 130 };

describe('a submission that Batch gets after it was sent again', () => {
  it.each<[string, Step[], Step]>([
    [
      'an event of the second job, though it comes twice',
      [late, waitLong, look],
      { kind: 'events', seed: 1, lost: 0, twice: 1 },
    ],
    ['a look, where nobody knew of either', [late, waitLong, unanswered, waitLong], look],
  ])('is stopped by %s', (_by, before, then) =>
    withWorld('w', async (world) => {
      for (const step of before) await world.take(step);
      world.fake.arrive();
      for (const job of world.fake.working()) world.fake.move(job, 'RUNNABLE');
      expect(await world.doubled()).not.toEqual([]);
      await world.take(then);
      expect(await world.doubled()).toEqual([]);
      expect(await world.heal()).toEqual([]);
    }),
  );
});

it('loses no run and doubles none, whatever fails, dies, gets lost or comes twice', async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { minLength: 5, maxLength: 14 }), async (steps) => {
      count += 1;
      await withWorld(`w${count}`, async (world) => {
        for (const step of steps) {
          await world.take(step);
          expect(await world.doubled()).toEqual([]);
        }
        expect(await world.heal()).toEqual([]);
      });
    }),
    { numRuns: schedules, endOnFailure: true },
  );
}, 280_000);
