import { Presets, SingleBar } from 'cli-progress';
import type { Api } from './graphql';
import { graphql, type ResultOf, textOf } from './operation';
import type { Live } from './subscription';

/** A run as the progress bar needs it. */
const followedRun = graphql(`fragment FollowedRun on Run {
  id variant seed state isOver revision
  failure { message }
  progress { phase step totalSteps epoch totalEpochs }
}`);
export type FollowedRun = ResultOf<typeof followedRun>;

const followQuery = graphql(
  `subscription Follow($experimentId: ID!, $after: String) {
  runUpdated(experimentId: $experimentId, after: $after) { cursor run { ...FollowedRun } }
}`,
  [followedRun],
);

const runsQuery = graphql(
  `query Runs($experimentId: String!, $after: String) {
  runs(filter: { experimentId: { eq: $experimentId } }, first: 200, after: $after) {
    totalCount
    nodes { ...FollowedRun }
    pageInfo { hasNextPage endCursor }
  }
}`,
  [followedRun],
);

/**
 * Follows all runs of an experiment with a progress bar until each is over: by subscription, or by asking again and
 * again where no WebSocket can be reached. @throws ApiError
 */
export async function runUntilOver(api: Api, experimentId: string): Promise<FollowedRun[]> {
  const { totalCount } = (await fetchRuns(api, experimentId, null)).runs;
  const progress = new Progress(totalCount);
  try {
    await api.follow<ResultOf<typeof followQuery>>({
      query: textOf(followQuery),
      variables: { experimentId },
      endless: true,
      receive({ runUpdated: { cursor, run } }) {
        progress.take([run]);
        return cursor;
      },
      async poll() {
        for await (const runs of pagesOfRuns(api, experimentId)) progress.take(runs);
        return 'changes';
      },
      isDone: () => progress.isDone(),
      report: (live) => progress.report(live),
    });
  } finally {
    progress.stop();
  }
  return progress.runs();
}

const fetchRuns = (api: Api, experimentId: string, after: string | null) =>
  api.request(runsQuery, { experimentId, after });

async function* pagesOfRuns(api: Api, experimentId: string): AsyncGenerator<FollowedRun[]> {
  for (let after: string | null = null, more = true; more; ) {
    const { runs }: ResultOf<typeof runsQuery> = await fetchRuns(api, experimentId, after);
    yield runs.nodes;
    [after, more] = [runs.pageInfo.endCursor, runs.pageInfo.hasNextPage];
  }
}

/** The newest known revision of each run, and the bar that shows them. */
class Progress {
  private readonly known = new Map<string, FollowedRun>();
  private readonly bar = new SingleBar(
    {
      format: '{bar} {percentage}% | {done} of {runs} runs | {duration_formatted} | {now}',
      noTTYOutput: true,
      notTTYSchedule: 10_000,
      barsize: 24,
    },
    Presets.shades_classic,
  );
  private connection: Live['state'] = 'connecting';

  constructor(private readonly total: number) {
    this.bar.start(total, 0, { done: 0, runs: total, now: 'starting' });
  }

  runs = (): FollowedRun[] => [...this.known.values()];

  isDone = (): boolean => this.doneCount() === this.total;

  take(runs: readonly FollowedRun[]): void {
    for (const run of runs) {
      const before = this.known.get(run.id);
      if (before === undefined || before.revision <= run.revision) this.known.set(run.id, run);
    }
    this.draw();
  }

  report({ state }: Live): void {
    this.connection = state;
    this.draw();
  }

  stop(): void {
    this.bar.stop();
  }

  private doneCount = (): number => this.runs().filter(({ isOver }) => isOver).length;

  private draw(): void {
    const share = this.runs().reduce((sum, run) => sum + fractionOf(run), 0);
    const note = connectionNotes[this.connection];
    const now = note === undefined ? doing(this.runs()) : `${doing(this.runs())} (${note})`;
    this.bar.update(share, { done: this.doneCount(), now });
  }
}

const connectionNotes: Partial<Record<Live['state'], string>> = {
  polling: 'no WebSocket: asking every 5 s',
  lost: 'connection lost, trying again',
};

function fractionOf({ isOver, progress }: FollowedRun): number {
  if (isOver) return 1;
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
