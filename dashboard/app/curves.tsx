import { useMemo, useState } from 'preact/hooks';
import { Chart } from './chart';
import { colourName } from './colours';
import { useQuery } from './hooks';
import type { Variant } from './live-runs';
import { Select, TroubleNotice } from './parts';
import { metricHistory, most } from './queries';
import { type Axis, lineOf, sharedAxis, summarise } from './series';

const firstMetrics = ['test/accuracy', 'dev/accuracy', 'train/loss'];
/** Points of a chart over all its runs: about its pixels. */
const mostPoints = 600;
const firstShown = 8;

const axes: { value: Axis; label: string }[] = [
  { value: 'epoch', label: 'epochs' },
  { value: 'step', label: 'steps' },
  { value: 'seconds', label: 'seconds' },
];

/** How metrics develop: a line a variant, the mean of its seeds, with a band from the lowest to the highest. */
export function CurvesCard(props: { variants: readonly Variant[]; metrics: string[]; version: number }) {
  const { variants, metrics, version } = props;
  const [names, setNames] = useState(firstMetrics);
  const [axis, setAxis] = useState<Axis>('epoch');
  const [hidden, setHidden] = useState<ReadonlySet<string> | null>(null);
  const notShown = hidden ?? new Set(variants.slice(firstShown).map(({ groupId }) => groupId));
  const toggle = (groupId: string) =>
    setHidden(new Set(notShown.has(groupId) ? [...notShown].filter((id) => id !== groupId) : [...notShown, groupId]));

  const shown = variants.filter(({ groupId }) => !notShown.has(groupId));
  const begun = shown.flatMap(({ runs }) => runs).filter(({ attempt }) => attempt > 0);
  if (variants.every(({ runs }) => runs.every(({ attempt }) => attempt === 0)))
    return (
      <section class="card" aria-labelledby="curves">
        <h2 id="curves">Curves</h2>
        <p class="quiet">No run has begun yet.</p>
      </section>
    );
  const runIds = begun.slice(0, most.curveRuns).map(({ id }) => id);
  return (
    <section class="card" aria-labelledby="curves">
      <div class="title">
        <h2 id="curves">Curves</h2>
        <Select label="Over" value={axis} choices={axes} onChange={(value) => setAxis(value as Axis)} />
      </div>
      <fieldset class="legend">
        <legend class="unseen">Variants shown</legend>
        {variants.map(({ groupId, name }, place) => (
          <label key={groupId} class="check">
            <input
              type="checkbox"
              checked={!notShown.has(groupId)}
              onChange={() => toggle(groupId)}
              style={{ accentColor: `var(${colourName(place)})` }}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <div class="charts">
        {names.map((name, place) => (
          <MetricChart
            // The place is the chart's identity, its metric may change
            key={place}
            {...{ name, axis, metrics, variants, version, runIds }}
            choose={(chosen) => setNames(names.map((old, at) => (at === place ? chosen : old)))}
          />
        ))}
      </div>
      <p class="quiet">
        Lines are means over seeds, bands reach from the lowest to the highest seed. Drag across a chart to enlarge,
        double-click to see it whole.
        {begun.length > most.curveRuns &&
          ` The first ${most.curveRuns} of ${begun.length} runs are drawn: hide variants to see others.`}
      </p>
    </section>
  );
}

function MetricChart(props: {
  name: string;
  axis: Axis;
  metrics: string[];
  variants: readonly Variant[];
  version: number;
  runIds: string[];
  choose(name: string): void;
}) {
  const { name, axis, metrics, variants, version, runIds, choose } = props;
  const variables = runIds.length > 0 ? { runIds, names: [name], maxPoints: most.curvePoints } : null;
  const { data, trouble } = useQuery(metricHistory, variables, { version });
  const series = data?.metricHistory ?? null;

  // Dependencies: variants change with every event; what is drawn does not
  const { x, lines } = useMemo(() => {
    const byRun = new Map((series ?? []).map(({ runId, points }) => [runId, points]));
    const drawn = variants.flatMap((variant, place) => {
      const runs = variant.runs
        .filter(({ id }) => runIds.includes(id))
        .map(({ id, progress: { totalSteps, totalEpochs } }) =>
          lineOf(byRun.get(id) ?? [], axis, totalEpochs > 0 ? totalSteps / totalEpochs : null),
        );
      return runs.some((line) => line.x.length > 0) ? [{ name: variant.name, place, runs }] : [];
    });
    const shared = sharedAxis(
      drawn.flatMap(({ runs }) => runs),
      mostPoints,
    );
    return {
      x: shared,
      lines: drawn.map(({ name, place, runs }) => ({
        name,
        place,
        colour: colourName(place),
        ...summarise(runs, shared),
      })),
    };
  }, [series, axis, runIds.join()]);
  const choices = [...new Set([...firstMetrics, name, ...metrics])].map((value) => ({ value, label: value }));
  return (
    <div>
      <Select label="Metric" bare value={name} choices={choices} onChange={choose} />
      <TroubleNotice trouble={trouble} />
      <Chart title={name} xLabel={axis} x={x} lines={lines} />
    </div>
  );
}
