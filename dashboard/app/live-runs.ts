import { useEffect, useState } from 'preact/hooks';
import type { ResultOf } from '../../client/operation';
import { connecting, type Live } from '../../client/subscription';
import { follow, request } from './api';
import { type LiveRun, most, runsOfExperiment, runUpdated } from './queries';

/** Events come in bursts (at first one for every run): the page is drawn once for all within this time. */
const batchMilliseconds = 60;

/** The runs of an experiment, in their order, as they are now. An older revision of a run never replaces a newer one. */
export function useLiveRuns(experimentId: string): { runs: LiveRun[]; live: Live } {
  const [runs, setRuns] = useState<LiveRun[]>([]);
  const [live, setLive] = useState<Live>(connecting);
  useEffect(() => {
    const known = new Map<string, LiveRun>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const take = (runs: readonly LiveRun[]) => {
      for (const run of runs) {
        const before = known.get(run.id);
        if (before === undefined || before.revision < run.revision) known.set(run.id, run);
      }
      timer ??= setTimeout(() => {
        timer = undefined;
        setRuns([...known.values()].sort((a, b) => a.position - b.position));
      }, batchMilliseconds);
    };
    const stop = follow(
      runUpdated,
      { experimentId },
      {
        endless: true,
        receive({ runUpdated: { cursor, run } }) {
          take([run]);
          return cursor;
        },
        async poll() {
          for await (const runs of pagesOfRuns(experimentId)) take(runs);
          return 'changes';
        },
        report: setLive,
      },
    );
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [experimentId]);
  return { runs, live };
}

async function* pagesOfRuns(experimentId: string): AsyncGenerator<LiveRun[]> {
  for (let after: string | null = null, more = true; more; ) {
    const { runs }: ResultOf<typeof runsOfExperiment> = await request(runsOfExperiment, {
      experimentId,
      first: most.polledRuns,
      after,
    });
    yield runs.nodes;
    [after, more] = [runs.pageInfo.endCursor, runs.pageInfo.hasNextPage];
  }
}

/** A variant of an experiment: the runs that differ in the seed alone. */
export interface Variant {
  groupId: string;
  name: string;
  method: string;
  runs: LiveRun[];
}

export function variantsOf(runs: readonly LiveRun[]): Variant[] {
  const variants = new Map<string, Variant>();
  for (const run of runs) {
    const { groupId, variant, method } = run;
    const known = variants.get(groupId) ?? { groupId, name: variant, method, runs: [] };
    known.runs.push(run);
    variants.set(groupId, known);
  }
  return [...variants.values()];
}
