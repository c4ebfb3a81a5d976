import { Presets, SingleBar } from 'cli-progress';
import { isOver, type RunState } from '../contract/run-states';
import { type Api, ApiError } from './graphql';

/** A run as the progress bar needs it. */
export interface FollowedRun {
  id: string;
  variant: string;
  seed: number;
  state: RunState;
  failure: { message: string } | null;
  progress: { phase: string | null; step: number; totalSteps: number; epoch: number; totalEpochs: number };
}

const runFields = `
  id variant seed state
  failure { message }
  progress { phase step totalSteps epoch totalEpochs }`;

/** Follows all runs of an experiment by subscription, with a progress bar, until each is over. @throws ApiError */
export async function runUntilOver(api: Api, experimentId: string): Promise<FollowedRun[]> {
  const total = await countRuns(api, experimentId);
  const runs = new Map<string, FollowedRun>();
  const bar = new SingleBar(
    {
      format: '{bar} {percentage}% | {done} of {runs} runs | {duration_formatted} | {now}',
      noTTYOutput: true,
      notTTYSchedule: 10_000,
      barsize: 24,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { done: 0, runs: total, now: 'starting' });
  for await (const event of api.subscribe<{ runUpdated: { run: FollowedRun } }>(
    `subscription Follow($experimentId: ID!) { runUpdated(experimentId: $experimentId) { run { ${runFields} } } }`,
    { experimentId },
  )) {
    const { run } = event.runUpdated;
    runs.set(run.id, run);
    const all = [...runs.values()];
    const done = all.filter(({ state }) => isOver(state)).length;
    bar.update(
      all.reduce((sum, each) => sum + fractionOf(each), 0),
      { done, now: doing(all) },
    );
    if (done === total) {
      bar.stop();
      return all;
    }
  }
  bar.stop();
  throw new ApiError('the server has ended the subscription: its runs go on, and its dashboard shows them');
}

async function countRuns(api: Api, experimentId: string): Promise<number> {
  const { runs } = await api.request<{ runs: { totalCount: number } }>(
    `query Count($experimentId: String!) {
      runs(filter: { experimentId: { eq: $experimentId } }, first: 1) { totalCount }
    }`,
    { experimentId },
  );
  return runs.totalCount;
}

function fractionOf({ state, progress }: FollowedRun): number {
  if (isOver(state)) return 1;
  return progress.totalSteps === 0 ? 0 : progress.step / progress.totalSteps;
}

function doing(runs: readonly FollowedRun[]): string {
  const atWork = runs.filter(({ state, progress }) => state === 'RUNNING' && progress.phase !== null);
  return (
    atWork
      .map(
        ({ variant, seed, progress }) =>
          `${variant} seed ${seed}: ${progress.phase}, epoch ${progress.epoch}/${progress.totalEpochs}`,
      )
      .join('; ') || 'waiting'
  );
}
