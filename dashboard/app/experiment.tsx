import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { isConfusionName } from '../../contract/metrics';
import type { RunState } from '../../contract/run-states';
import { countText } from '../../presentation/format';
import { ComparisonCard } from './comparison';
import { ConfusionCard } from './confusion-card';
import { ExperimentCostLine, MaxCostButton } from './costs';
import { CurvesCard } from './curves';
import { DefinitionCard } from './definition';
import { useQuery, useThrottled } from './hooks';
import { useLiveRuns, variantsOf } from './live-runs';
import {
  Ago,
  ChangeButton,
  ExperimentMark,
  LiveMark,
  Notes,
  Notice,
  PageTitle,
  RunsBar,
  Tags,
  TroubleNotice,
} from './parts';
import * as queries from './queries';
import { RunsTable } from './runs-table';

/** Results are asked for anew at most this often while runs go on. */
const resultsMilliseconds = 3000;

/** One experiment: its runs live, what they come to, how they got there, and what they were. */
export function ExperimentPage({ id, mayEdit }: { id: string; mayEdit: boolean }) {
  const { runs, live } = useLiveRuns(id);
  const counts = countStates(runs);
  // Moves when a state changes: the experiment's own fields may have, too.
  const states = useThrottled(runs.map(({ state }) => state).join(), 500);
  // No run changes when a limit is set.
  const [limits, setLimits] = useState(0);
  const { data, trouble } = useQuery(queries.experiment, { id }, { version: versionOf(`${states} ${limits}`) });
  // Moves when a run ends an epoch or ends: there are new results.
  const version = useThrottled(
    runs.reduce((sum, { progress, isOver }) => sum + progress.epoch + (isOver ? 1 : 0), 0),
    resultsMilliseconds,
  );
  const variants = useMemo(() => variantsOf(runs), [runs]);
  const metrics = useMetricNames(runs, version);

  if (data !== null && data.experiment === null)
    return (
      <>
        <PageTitle title="No such experiment" />
        <Notice kind="trouble">
          There is no experiment "{id}". <a href="#/">See all experiments.</a>
        </Notice>
      </>
    );
  const experiment = data?.experiment ?? null;
  const total = experiment?.runCounts.reduce((sum, { count }) => sum + count, 0) ?? 0;
  // Laid out when its parts are known, so that nothing moves under the reader.
  if (experiment === null || (runs.length === 0 && total > 0))
    return (
      <>
        <PageTitle title={experiment?.name ?? 'Experiment'} />
        <TroubleNotice trouble={trouble} />
        <p class="quiet">
          Loading … <LiveMark live={live} />
        </p>
      </>
    );
  const runsCard = (
    <section class="card" aria-labelledby="runs">
      <div class="title">
        <h2 id="runs">Runs</h2>
        {runs.length < total && <span class="quiet">{countText(total - runs.length, 'run')} on the way</span>}
      </div>
      <RunsTable runs={runs} />
    </section>
  );
  return (
    <>
      <PageTitle title={experiment.name}>
        {mayEdit && <Changes {...{ experiment, counts }} onLimit={() => setLimits(limits + 1)} />}
      </PageTitle>
      <TroubleNotice trouble={trouble} />
      <div class="summary">
        {experiment.question && <p class="question">{experiment.question}</p>}
        <div class="row">
          <ExperimentMark state={experiment.state} archived={experiment.archivedAt !== null} counts={counts} />
          <LiveMark live={live} />
          <Tags tags={experiment.tags} />
          <span class="quiet">
            created <Ago time={experiment.createdAt} />
          </span>
          <ExperimentCostLine costs={experiment.costs} maxCost={experiment.maxCost} />
          {experiment.clonedFrom && <a href={`#/experiments/${experiment.clonedFrom}`}>cloned from another</a>}
        </div>
        <RunsBar counts={counts} />
      </div>
      {experiment.stopReason && <Notice kind="trouble">Launching ceased: {experiment.stopReason}</Notice>}
      <InOrder runsFirst={runs.some(({ state, isOver }) => !isOver || state === 'FAILED')} runs={runsCard}>
        <ComparisonCard experimentId={id} {...{ variants, metrics, version }} />
        <CurvesCard {...{ variants, metrics, version }} />
      </InOrder>
      <div class="columns">
        <ConfusionCard {...{ variants, version }} />
        <Notes notes={experiment.notes} />
      </div>
      <DefinitionCard definition={experiment.definition as queries.Definition} variants={variants} />
    </>
  );
}

/** Runs before results while they go on or where one has failed, else behind them; as it was when the page was opened. */
function InOrder(props: { runsFirst: boolean; runs: ComponentChildren; children: ComponentChildren }) {
  const [runsFirst] = useState(props.runsFirst);
  return runsFirst ? [props.runs, props.children] : [props.children, props.runs];
}

function countStates(runs: readonly queries.LiveRun[]): queries.RunCount[] {
  const counts = new Map<RunState, queries.RunCount>();
  for (const { state, isOver } of runs) {
    const { count } = counts.get(state) ?? { count: 0 };
    counts.set(state, { state, isOver, count: count + 1 });
  }
  return [...counts.values()];
}

/** A number that tells texts apart well enough to notice a change. */
const versionOf = (text: string): number =>
  [...text].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) | 0, 0);

/** Names of the metrics that the run that has got furthest has logged; the cells of confusion matrices left out. */
function useMetricNames(runs: readonly queries.LiveRun[], version: number): string[] {
  const furthest = runs.reduce<queries.LiveRun | null>(
    (best, run) => (run.attempt > 0 && run.progress.epoch >= (best?.progress.epoch ?? 0) ? run : best),
    null,
  );
  const variables = furthest && { ids: [furthest.id], first: 1 };
  const { data } = useQuery(queries.metricsOfRuns, variables, { version });
  const metrics = data?.runs.nodes[0]?.metrics ?? [];
  return metrics.map(({ name }) => name).filter((name) => !isConfusionName(name));
}

function Changes(props: { experiment: queries.ExperimentDetails; counts: queries.RunCount[]; onLimit(): void }) {
  const { experiment, counts, onLimit } = props;
  const { id, name, state } = experiment;
  const failed = counts.find((entry) => entry.state === 'FAILED')?.count ?? 0;
  const going = counts.filter(({ isOver }) => !isOver).reduce((sum, { count }) => sum + count, 0);
  // What changed comes back through the subscription.
  const onDone = () => {};
  return (
    <div class="row">
      {state === 'draft' && (
        <ChangeButton
          label="Launch"
          question={`Launch the ${countText(going, 'run')} of "${name}"? Its definition cannot be changed.`}
          change={queries.launchExperiment}
          given={{ id }}
          onDone={onDone}
        />
      )}
      {state !== 'cancelled' && <MaxCostButton experiment={experiment} onDone={onLimit} />}
      {failed > 0 && (
        <ChangeButton
          label="Retry failed"
          question={`Try ${countText(failed, 'failed run')} again, each from its newest checkpoint?`}
          change={queries.retryFailedRuns}
          given={{ id }}
          onDone={onDone}
        />
      )}
      {going > 0 && state !== 'cancelled' && (
        <ChangeButton
          label="Cancel"
          question={`Cancel ${countText(going, 'run')} of "${name}"? Those at work write a checkpoint and stop.`}
          change={queries.cancelExperiment}
          dangerous
          given={{ id }}
          onDone={onDone}
        />
      )}
    </div>
  );
}
