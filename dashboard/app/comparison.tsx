import { useState } from 'preact/hooks';
import { differenceText, metricText } from '../../presentation/format';
import { usualBaseline } from '../../presentation/methods';
import { roundTicks } from '../../presentation/scales';
import { foldedWarnings } from '../../presentation/statistics';
import { colourName } from './colours';
import { useQuery } from './hooks';
import type { Variant } from './live-runs';
import { Notice, Problems, Scroll, Select, TroubleNotice } from './parts';
import {
  type ComparedGroup,
  type ComparedPair,
  type ComparedPairs,
  type Comparison,
  type ComparisonPoint,
  compare,
  methodFacts,
  type SeedValue,
} from './queries';
import { TestsTable, VerdictMark, Verdicts } from './tests-table';

const points: { value: ComparisonPoint; label: string }[] = [
  { value: 'BEST_ON_DEV', label: 'best epoch on dev' },
  { value: 'FINAL', label: 'last epoch' },
  { value: 'EPOCH', label: 'epoch …' },
  { value: 'WALL_CLOCK', label: 'within … seconds' },
  { value: 'BEST_ON_TEST', label: 'best epoch on test (selects on test)' },
];

/** Heights of the table's parts: its place is kept while it is on its way. */
const [headPixels, rowPixels] = [32, 37];

/** Mean, spread and interval of each variant over its seeds, on one axis. */
export function ComparisonCard(props: {
  experimentId: string;
  variants: readonly Variant[];
  metrics: string[];
  version: number;
}) {
  const { experimentId, variants, metrics, version } = props;
  const [metric, setMetric] = useState('test/accuracy');
  const [point, setPoint] = useState<ComparisonPoint>('BEST_ON_DEV');
  const [epoch, setEpoch] = useState(1);
  const [seconds, setSeconds] = useState(60);
  const [chosenBaseline, setBaseline] = useState<string | null>(null);
  const methods = useQuery(methodFacts, {}).data?.methods ?? [];
  const baseline = chosenBaseline ?? usualBaseline(variants, methods)?.groupId ?? '';
  const [pairs, setPairs] = useState<ComparedPairs>('WITH_BASELINE');
  const [allowDifferentData, setAllowDifferentData] = useState(false);

  const at = { point, ...(point === 'EPOCH' && { epoch }), ...(point === 'WALL_CLOCK' && { seconds }) };
  const chosen = { baseline: baseline || null, pairs, allowDifferentData };
  const variables = { experimentIds: [experimentId], metric, at, ...chosen };
  const { data, trouble, waiting } = useQuery(compare, variables, { version });
  const outcome = data?.compare;
  const choices = [...new Set(['test/accuracy', 'test/macro-f1', metric, ...metrics])];
  return (
    <section class="card" aria-labelledby="comparison">
      <div class="title">
        <h2 id="comparison">Comparison</h2>
        <div class="row">
          <Select
            label="Metric"
            value={metric}
            choices={choices.map((name) => ({ value: name, label: name }))}
            onChange={setMetric}
          />
          <Select label="At" value={point} choices={points} onChange={(value) => setPoint(value as ComparisonPoint)} />
          {point === 'EPOCH' && <NumberField label="Epoch" least={1} value={epoch} onChange={setEpoch} />}
          {point === 'WALL_CLOCK' && <NumberField label="Seconds" least={1} value={seconds} onChange={setSeconds} />}
          <Select
            label="Baseline"
            value={baseline}
            choices={[
              { value: '', label: 'none' },
              ...variants.map(({ groupId, name }) => ({ value: groupId, label: name })),
            ]}
            onChange={setBaseline}
          />
          <Select
            label="Tested"
            value={pairs}
            choices={[
              { value: 'WITH_BASELINE', label: 'against the baseline' },
              { value: 'ALL', label: 'all against all' },
            ]}
            onChange={(value) => setPairs(value as ComparedPairs)}
          />
        </div>
      </div>
      <TroubleNotice trouble={trouble} />
      {outcome && 'problems' in outcome && (
        <Notice kind="quiet">
          <Problems problems={outcome.problems} />
          {outcome.problems.some(({ path }) => path === 'allowDifferentData') && (
            <button type="button" onClick={() => setAllowDifferentData(true)}>
              Compare nevertheless
            </button>
          )}
        </Notice>
      )}
      {outcome === undefined && <div style={{ height: `${headPixels + variants.length * rowPixels}px` }} />}
      {outcome && 'groups' in outcome && (
        <div class={waiting ? 'stale' : ''} aria-busy={waiting}>
          {outcome.selectedOnTest && (
            <Notice kind="trouble">
              Selected on the test set: every value here is too good by what that selection gains.
            </Notice>
          )}
          <ComparisonTable comparison={outcome} variants={variants} />
          <Verdicts pairs={outcome.pairs} />
          <TestsTable comparison={outcome} />
          <Warnings comparison={outcome} />
        </div>
      )}
    </section>
  );
}

function Warnings({ comparison: { warnings, pairs } }: { comparison: Comparison }) {
  const all = foldedWarnings(
    warnings,
    pairs.flatMap((pair) => pair.warnings),
  );
  if (all.length === 0) return null;
  return (
    <Notice kind="warning">
      <ul>
        {all.map((message) => (
          <li key={message}>{message}</li>
        ))}
      </ul>
    </Notice>
  );
}

function NumberField(props: { label: string; least: number; value: number; onChange(value: number): void }) {
  const { label, least, value, onChange } = props;
  return (
    <label class="field narrow">
      <span>{label}</span>
      <input
        type="number"
        min={least}
        value={value}
        onChange={({ currentTarget }) => {
          if (currentTarget.reportValidity() && currentTarget.value !== '') onChange(currentTarget.valueAsNumber);
        }}
      />
    </label>
  );
}

function ComparisonTable({ comparison, variants }: { comparison: Comparison; variants: readonly Variant[] }) {
  const { groups, higherIsBetter, baseline, pairs } = comparison;
  const pairOf = (id: string) => pairs.find(({ groupId, againstId }) => groupId === id && againstId === baseline);
  const [byMean, setByMean] = useState(false);
  const place = new Map(variants.map(({ groupId }, index) => [groupId, index]));
  const rank = ({ mean }: ComparedGroup) => (mean === null ? -Infinity : higherIsBetter ? mean : -mean);
  const ordered = byMean ? [...groups].sort((a, b) => rank(b) - rank(a)) : groups;
  const best = Math.max(...groups.map(rank));
  const scale = scaleOf(groups);
  return (
    <Scroll label="Comparison table">
      <table class="comparison">
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col" class="plot">
              <Ticks scale={scale} />
            </th>
            <th scope="col" class="number" aria-sort={byMean ? (higherIsBetter ? 'descending' : 'ascending') : 'none'}>
              <button type="button" class="link" onClick={() => setByMean(!byMean)} title="Best first, or as defined">
                Mean{byMean ? ' ↓' : ''}
              </button>
            </th>
            <th scope="col" class="number" title="Standard deviation over seeds">
              SD
            </th>
            <th scope="col" class="number">
              95 % interval
            </th>
            {baseline && (
              <>
                <th scope="col" class="number">
                  Difference
                </th>
                <th scope="col">Verdict</th>
              </>
            )}
            <th scope="col" class="number" title="Runs with a value">
              n
            </th>
            <th scope="col" class="number">
              Best seed
            </th>
            <th scope="col" class="number">
              Worst seed
            </th>
          </tr>
        </thead>
        <tbody>
          {ordered.map((group) => (
            <tr key={group.id} class={group.mean !== null && rank(group) === best ? 'best' : ''}>
              <th scope="row">
                <span class="swatch" style={{ background: `var(${colourName(place.get(group.id) ?? 0)})` }} />
                {group.name}
              </th>
              <td class="plot">
                <Dots group={group} scale={scale} colour={colourName(place.get(group.id) ?? 0)} />
              </td>
              <td class="number mean">{metricText(group.mean)}</td>
              <td class="number">{metricText(group.standardDeviation)}</td>
              <td class="number">
                {group.interval ? `${metricText(group.interval.low)} – ${metricText(group.interval.high)}` : '–'}
              </td>
              {baseline && (
                <>
                  <td class="number">{group.difference === null ? '–' : differenceText(group.difference)}</td>
                  <td>{group.id === baseline ? 'baseline' : <PairMark pair={pairOf(group.id)} />}</td>
                </>
              )}
              <td class="number" title={group.missing.map(({ seed, reason }) => `seed ${seed}: ${reason}`).join('\n')}>
                {group.n}
                {group.missing.length > 0 && <span class="quiet"> of {group.n + group.missing.length}</span>}
              </td>
              <SeedCell value={group.best} />
              <SeedCell value={group.worst} />
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const PairMark = ({ pair }: { pair: ComparedPair | undefined }) => (pair ? <VerdictMark pair={pair} /> : <>–</>);

const SeedCell = ({ value }: { value: SeedValue | null }) => (
  <td class="number">
    {value ? (
      <a href={`#/runs/${value.runId}`} title={`seed ${value.seed}, epoch ${value.epoch}`}>
        {metricText(value.value)} <span class="quiet">#{value.seed}</span>
      </a>
    ) : (
      '–'
    )}
  </td>
);

interface Scale {
  ticks: number[];
  low: number;
  high: number;
  /** Place on the axis as a percentage, with a margin for the dots at the ends; beyond the axis, at its end. */
  percent(value: number): string;
}

/**
 * The axis covers every value; of intervals it covers what lies within one more width of the values to each side, since
 * an interval of two seeds can be so wide that all dots would fall together.
 */
function scaleOf(groups: readonly ComparedGroup[]): Scale {
  const values = groups.flatMap((group) => group.values.map(({ value }) => value));
  const [least, most] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const room = most - least || Math.abs(most) * 0.01 || 1;
  const ends = groups.flatMap(({ interval }) => (interval ? [interval.low, interval.high] : []));
  // A single value stands in the middle.
  const margin = least === most ? room : 0;
  const low = Math.max(least - room, Math.min(least - margin, ...ends));
  const high = Math.min(most + room, Math.max(most + margin, ...ends));
  const ticks = roundTicks(low, high, 5);
  const [first, last] = [ticks[0]!, ticks.at(-1)!];
  const share = (value: number) => Math.min(1, Math.max(0, (value - first) / (last - first)));
  return { ticks, low: first, high: last, percent: (value) => `${(3 + 94 * share(value)).toFixed(2)}%` };
}

const Ticks = ({ scale: { ticks, percent } }: { scale: Scale }) => (
  <svg class="ticks" role="img" aria-label={`Axis from ${ticks[0]} to ${ticks.at(-1)}`}>
    {ticks.map((tick, place) => (
      <text
        key={tick}
        x={percent(tick)}
        y="14"
        text-anchor={place === 0 ? 'start' : place === ticks.length - 1 ? 'end' : 'middle'}
      >
        {tick}
      </text>
    ))}
  </svg>
);

/** Each seed a dot, the 95 % interval a bar, the mean a stroke. */
function Dots({ group, scale, colour }: { group: ComparedGroup; scale: Scale; colour: string }) {
  const { values, mean, interval, name } = group;
  const { ticks, percent } = scale;
  const words = values.map(({ seed, value }) => `seed ${seed}: ${metricText(value)}`).join(', ');
  const isCut = interval !== null && (interval.low < scale.low || interval.high > scale.high);
  return (
    <svg
      class="dots"
      role="img"
      aria-label={`${name}: ${values.length > 0 ? words : 'no values yet'}`}
      style={{ color: `var(${colour})` }}
    >
      {ticks.map((tick) => (
        <line key={tick} class="grid" x1={percent(tick)} x2={percent(tick)} y1="0" y2="100%" />
      ))}
      {interval && (
        <svg>
          <title>
            95 % interval {metricText(interval.low)} to {metricText(interval.high)}
            {isCut && ', wider than the axis'}
          </title>
          <line class="interval" x1={percent(interval.low)} x2={percent(interval.high)} y1="50%" y2="50%" />
        </svg>
      )}
      {mean !== null && <line class="mean" x1={percent(mean)} x2={percent(mean)} y1="22%" y2="78%" />}
      {values.map(({ runId, seed, epoch, value }) => (
        <circle key={runId} cx={percent(value)} cy="50%" r="4">
          <title>{`seed ${seed}: ${metricText(value)} at epoch ${epoch}`}</title>
        </circle>
      ))}
    </svg>
  );
}
