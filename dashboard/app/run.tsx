import { useEffect, useMemo, useState } from 'preact/hooks';
import { connecting, type Live } from '../../client/subscription';
import { isConfusionName } from '../../contract/metrics';
import { bytesText, durationText, metricText, timeText } from '../../presentation/format';
import { follow, request } from './api';
import { Chart } from './chart';
import { colourName } from './colours';
import { RunCosts } from './costs';
import { useQuery, useThrottled } from './hooks';
import {
  ChangeButton,
  Fact,
  LiveMark,
  Notes,
  Notice,
  PageTitle,
  Scroll,
  Select,
  StateMark,
  TroubleNotice,
} from './parts';
import * as queries from './queries';
import { RunProgress, RunSays } from './runs-table';
import {
  type Axis,
  lineOf,
  pointsByName,
  recordsOf,
  type StitchedRecord,
  sharedAxis,
  summarise,
  withEvent,
} from './series';

/** Shortest time between two looks at a run that changes. */
const refreshMilliseconds = 1000;
const batchMilliseconds = 60;
const mostPoints = 1000;

/** One run: how far it is, its curves as they are logged, its parameters and attempts. */
export function RunPage({ id, mayEdit }: { id: string; mayEdit: boolean }) {
  const [changes, setChanges] = useState(0);
  const onDone = () => setChanges((count) => count + 1);
  const { data, trouble } = useQuery(queries.run, { id }, { version: useThrottled(changes, refreshMilliseconds) });
  const run = data?.run ?? null;
  const isRunOver = run?.isOver ?? false;
  useRunChanges(run?.experiment.id ?? null, id, onDone);
  const { history, live } = useLoggedMetrics(run === null ? null : id, run?.attempt ?? 0);

  if (data !== null && run === null)
    return (
      <>
        <PageTitle title="No such run" />
        <Notice kind="trouble">
          There is no run "{id}". <a href="#/">See all experiments.</a>
        </Notice>
      </>
    );
  if (run === null) return <TroubleNotice trouble={trouble} />;
  return (
    <>
      <nav aria-label="Path">
        <a href={`#/experiments/${run.experiment.id}`}>← {run.experiment.name}</a>
      </nav>
      <PageTitle title={`${run.variant}, seed ${run.seed}`}>
        {mayEdit && (
          <div class="row">
            {(run.state === 'FAILED' || run.state === 'CANCELLED' || run.state === 'STOPPED') && (
              <ChangeButton
                label="Retry"
                question="Try this run again, from its newest checkpoint?"
                change={queries.retryRun}
                given={{ id }}
                onDone={onDone}
              />
            )}
            {!isRunOver && !run.cancelRequested && (
              <ChangeButton
                label="Cancel"
                question="Cancel this run? If it is at work it writes a checkpoint and stops."
                change={queries.cancelRun}
                dangerous
                given={{ id }}
                onDone={onDone}
              />
            )}
          </div>
        )}
      </PageTitle>
      <TroubleNotice trouble={trouble} />
      <div class="summary row">
        <StateMark state={run.state} />
        <LiveMark live={live} />
        <RunProgress run={run} />
        <RunSays run={run} />
      </div>
      {run.resultNotes.length + run.damage.length > 0 && (
        <Notice kind="warning">
          <ul>
            {[...run.damage, ...run.resultNotes].map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </Notice>
      )}
      <RunCurves history={history} run={run} />
      <RunFacts run={run} history={history} />
      <RunCosts run={run} />
      <Attempts attempts={run.attempts} />
      <Notes notes={run.notes} />
    </>
  );
}

/** Calls back when a run has changed; where no WebSocket is reached, again and again. */
function useRunChanges(experimentId: string | null, runId: string, changed: () => void): void {
  // Dependencies: the callback only counts
  useEffect(() => {
    if (experimentId === null) return;
    let revision: number | null = null;
    return follow(
      queries.runRevised,
      { experimentId },
      {
        endless: true,
        receive({ runUpdated: { cursor, run } }) {
          if (run.id === runId && run.revision !== revision) {
            revision = run.revision;
            changed();
          }
          return cursor;
        },
        async poll() {
          changed();
          return 'changes';
        },
        report: () => {},
      },
    );
  }, [experimentId, runId]);
}

/** Everything the run has logged, and what it logs now. A new attempt is followed anew. */
function useLoggedMetrics(runId: string | null, attempt: number): { history: StitchedRecord[]; live: Live } {
  const [history, setHistory] = useState<StitchedRecord[]>([]);
  const [live, setLive] = useState<Live>(connecting);
  // Dependencies: the stream of a run that was over begins again with an attempt
  useEffect(() => {
    if (runId === null) return;
    let known: StitchedRecord[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = follow(
      queries.metricsLogged,
      { runId },
      {
        endless: false,
        receive({ metricsLogged: event }) {
          known = withEvent(known, event);
          timer ??= setTimeout(() => {
            timer = undefined;
            setHistory(known);
          }, batchMilliseconds);
          return event.cursor;
        },
        async poll() {
          const { run, history } = await pollMetrics(runId);
          if (history.length > 0) setHistory(history);
          return run === null || run.isOver ? 'over' : 'changes';
        },
        report: setLive,
      },
    );
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [runId, attempt]);
  return { history, live };
}

/** What `metricsLogged` would tell of a run, down-sampled. */
async function pollMetrics(runId: string) {
  const [{ run }, { runs }] = await Promise.all([
    request(queries.run, { id: runId }),
    request(queries.metricsOfRuns, { ids: [runId], first: 1 }),
  ]);
  const logged = runs.nodes[0]?.metrics.map(({ name }) => name) ?? [];
  const names = logged.filter((name) => !isConfusionName(name)).slice(0, queries.most.polledMetrics);
  if (names.length === 0) return { run, history: [] };
  const variables = { runIds: [runId], names, maxPoints: queries.most.curvePoints };
  const { metricHistory } = await request(queries.metricHistory, variables);
  return { run, history: recordsOf(metricHistory, run?.attempt ?? 0) };
}

const axes: { value: Axis; label: string }[] = [
  { value: 'step', label: 'steps' },
  { value: 'epoch', label: 'epochs' },
  { value: 'seconds', label: 'seconds' },
];
const firstCharts = [['train/loss'], ['dev/accuracy', 'test/accuracy'], ['dev/loss', 'test/loss']];

function RunCurves({ history, run }: { history: StitchedRecord[]; run: queries.RunDetails }) {
  const [axis, setAxis] = useState<Axis>('step');
  const [more, setMore] = useState('train/learning-rate');
  const points = useMemo(() => pointsByName(history), [history]);
  const { totalSteps, totalEpochs } = run.progress;
  if (points.size === 0)
    return (
      <section class="card" aria-labelledby="curves">
        <h2 id="curves">Curves</h2>
        <p class="quiet">{run.isOver ? 'The run logged no metrics.' : 'The run has logged no metrics yet.'}</p>
      </section>
    );
  const names = [...points.keys()].filter((name) => !isConfusionName(name)).sort();
  const choices = [...new Set([more, ...names])].map((value) => ({ value, label: value }));
  const chart = (shown: string[]) => (
    <MetricsChart {...{ points, axis, shown }} stepsPerEpoch={totalEpochs > 0 ? totalSteps / totalEpochs : null} />
  );
  return (
    <section class="card" aria-labelledby="curves">
      <div class="title">
        <h2 id="curves">Curves</h2>
        <Select label="Over" value={axis} choices={axes} onChange={(value) => setAxis(value as Axis)} />
      </div>
      <div class="charts two">
        {firstCharts.map((shown) => (
          <div key={shown.join()}>
            <ul class="legend">
              {shown.map((name, place) => (
                <li key={name}>
                  <span class="swatch" style={{ background: `var(${colourName(place)})` }} />
                  {name}
                </li>
              ))}
            </ul>
            {chart(shown)}
          </div>
        ))}
        <div>
          <Select label="Metric" bare value={more} choices={choices} onChange={setMore} />
          {chart([more])}
        </div>
      </div>
    </section>
  );
}

function MetricsChart(props: {
  points: Map<string, queries.MetricPoint[]>;
  axis: Axis;
  shown: string[];
  stepsPerEpoch: number | null;
}) {
  const { points, axis, shown, stepsPerEpoch } = props;
  const key = shown.join();
  // Dependencies: key stands for shown
  const { x, lines } = useMemo(() => {
    const drawn = shown.map((name) => lineOf(points.get(name) ?? [], axis, stepsPerEpoch));
    const shared = sharedAxis(drawn, mostPoints);
    return {
      x: shared,
      lines: drawn.map((line, place) => ({
        name: shown[place]!,
        place,
        colour: colourName(place),
        mean: summarise([line], shared).mean,
      })),
    };
  }, [points, axis, key, stepsPerEpoch]);
  return <Chart title={shown.join(' and ')} xLabel={axis} x={x} lines={lines} />;
}

function RunFacts({ run, history }: { run: queries.RunDetails; history: StitchedRecord[] }) {
  const selected = history.find(({ scope, epoch }) => scope === 'epoch' && epoch === run.selectedEpoch)?.values ?? [];
  const scores = selected.filter(({ name }) => ['test/accuracy', 'test/macro-f1'].includes(name));
  const { method, engine, device, trainedParameters, modelBytes, selectedEpoch, progress, parameters } = run;
  return (
    <section class="card" aria-labelledby="parameters">
      <h2 id="parameters">Parameters</h2>
      <dl class="facts">
        <Fact name="Method">{method}</Fact>
        {run.dependsOn.length > 0 && <Fact name="Takes the models of runs">{run.dependsOn.join(', ')}</Fact>}
        {engine && <Fact name="Engine">{device ? `${engine} on ${device}` : engine}</Fact>}
        {progress.elapsedSeconds > 0 && <Fact name="Training took">{durationText(progress.elapsedSeconds)}</Fact>}
        {selectedEpoch !== null && <Fact name="Model of epoch (best on dev)">{selectedEpoch}</Fact>}
        {scores.map(({ name, value }) => (
          <Fact key={name} name={`${name} at that epoch`}>
            {metricText(value)}
          </Fact>
        ))}
        {trainedParameters !== null && <Fact name="Weights trained">{trainedParameters.toLocaleString()}</Fact>}
        {modelBytes !== null && <Fact name="Model size">{bytesText(modelBytes)}</Fact>}
      </dl>
      <dl class="facts small">
        {parameters.map(({ name, text }) => (
          <Fact key={name} name={name}>
            {text}
          </Fact>
        ))}
      </dl>
    </section>
  );
}

function Attempts({ attempts }: { attempts: queries.RunDetails['attempts'] }) {
  return (
    <section class="card" aria-labelledby="attempts">
      <h2 id="attempts">Attempts</h2>
      {attempts.length === 0 && <p class="quiet">None yet.</p>}
      <Scroll label="Attempts">
        <table>
          <tbody>
            {attempts.map((attempt) => (
              <tr key={attempt.number}>
                <th scope="row">{attempt.number}</th>
                <td>
                  <StateMark state={attempt.outcome} />
                </td>
                <td>{timeText(attempt.startedAt)}</td>
                <td>
                  {attempt.endedAt &&
                    durationText((Date.parse(attempt.endedAt) - Date.parse(attempt.startedAt)) / 1000)}
                </td>
                <td>{attempt.resumedFromStep === null ? 'from the start' : `from step ${attempt.resumedFromStep}`}</td>
                <td>{[attempt.host, attempt.engine, attempt.device].filter(Boolean).join(' · ')}</td>
                <td class="failure">{attempt.failureMessage}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
