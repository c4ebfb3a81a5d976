import { durationText } from '../../presentation/format';
import { Problems, Scroll, StateMark } from './parts';
import type { LiveRun } from './queries';

/** Every run with how far it is, why it waits, or why it failed. */
export function RunsTable({ runs }: { runs: readonly LiveRun[] }) {
  return (
    <Scroll label="Runs" tall>
      <table class="runs">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">State</th>
            <th scope="col">Progress</th>
            <th scope="col" class="number">
              Time
            </th>
            <th scope="col">What it does</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id}>
              <th scope="row">
                <a href={`#/runs/${run.id}`}>
                  {run.variant} <span class="quiet">seed {run.seed}</span>
                </a>
              </th>
              <td>
                <StateMark state={run.state} />
              </td>
              <td>
                <RunProgress run={run} />
              </td>
              <td class="number">{run.progress.elapsedSeconds > 0 && durationText(run.progress.elapsedSeconds)}</td>
              <td>
                <RunSays run={run} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function RunProgress({ run: { progress, state, variant, seed } }: { run: LiveRun }) {
  const { step, totalSteps, epoch, totalEpochs } = progress;
  return (
    <span class="progress">
      <progress
        aria-label={`Steps of ${variant}, seed ${seed}`}
        value={step}
        max={totalSteps || 1}
        class={state.toLowerCase()}
      />
      <span class="quiet">
        {totalEpochs > 0 && (step > 0 ? `epoch ${epoch} of ${totalEpochs}` : `${totalEpochs} epochs`)}
      </span>
    </span>
  );
}

/** The one thing to know about a run beside its state. */
export function RunSays({ run }: { run: LiveRun }) {
  if (run.failure && run.state === 'FAILED')
    return (
      <div class="failure">
        {/* Where there are problems, the message is no more than all of them in one text. */}
        {run.failure.problems.length > 0 ? <Problems problems={run.failure.problems} /> : run.failure.message}
      </div>
    );
  if (run.isOver) return null;
  const attempt = run.attempt > 1 ? `attempt ${run.attempt}` : null;
  const says = run.cancelRequested ? 'is being cancelled' : (run.waitingReason ?? run.progress.phase);
  return <span class="quiet">{[says, attempt].filter((part) => part !== null).join(' · ')}</span>;
}
