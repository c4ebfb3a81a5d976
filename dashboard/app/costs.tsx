import { useState } from 'preact/hooks';
import { durationText, energyText, moneyText, parseLimit } from '../../presentation/format';
import { ChangeButton, Fact, Problems } from './parts';
import { type ExperimentCosts, type ExperimentDetails, type RunDetails, setMaxCost } from './queries';

/** What a run has taken so far; nothing where no machine was at work. */
export function RunCosts({ run }: { run: RunDetails }) {
  const { instanceType, pricePerHour, billedSeconds, cost, energyWattHours, energySource, attempts } = run;
  const newest = attempts.at(-1);
  if (billedSeconds === null) return null;
  return (
    <section class="card" aria-labelledby="costs">
      <h2 id="costs">Cost</h2>
      <dl class="facts">
        {instanceType && (
          <Fact name="Machine">{newest?.capacity ? `${instanceType}, ${newest.capacity}` : instanceType}</Fact>
        )}
        <Fact name="Machine time, all attempts">{durationText(billedSeconds)}</Fact>
        <Fact name="Cost">{cost === null ? 'price not known' : moneyText(cost)}</Fact>
        {pricePerHour !== null && (
          <Fact name="Price">{`${moneyText(pricePerHour)} an hour${newest?.priceSource ? `: ${newest.priceSource}` : ''}`}</Fact>
        )}
        {energyWattHours !== null && <Fact name={`Energy, ${energySource}`}>{energyText(energyWattHours)}</Fact>}
      </dl>
    </section>
  );
}

/** What the runs of an experiment have taken so far, in one line. */
export function ExperimentCostLine({ costs, maxCost }: { costs: ExperimentCosts; maxCost: number | null }) {
  if (costs.billedSeconds === 0 && maxCost === null) return null;
  const { cost, unpricedRuns, billedSeconds, energyWattHours, estimatedEnergyRuns } = costs;
  const isPriced = cost > 0 || unpricedRuns === 0;
  const parts = [
    isPriced && `${moneyText(cost)}${maxCost === null ? '' : ` of at most ${moneyText(maxCost)}`}`,
    unpricedRuns > 0 && isPriced && `${unpricedRuns} without a price`,
    `${durationText(billedSeconds)} of machines`,
    energyWattHours > 0 && `${energyText(energyWattHours)}${estimatedEnergyRuns > 0 ? ', partly estimated' : ''}`,
  ];
  return <span class="quiet">{parts.filter(Boolean).join(' · ')}</span>;
}

/** Sets the most an experiment may cost. */
export function MaxCostButton(props: { experiment: ExperimentDetails; onDone(): void }) {
  const { id, name, maxCost, stopReason } = props.experiment;
  const [typed, setTyped] = useState(maxCost === null ? '' : String(maxCost));
  const limit = parseLimit(typed);
  const resumes = stopReason === null ? '' : ' If it stopped for its cost, it launches again.';
  return (
    <ChangeButton
      label="Limit cost"
      question={`Beyond how much does "${name}" launch nothing more? Runs at work go on to their end.${resumes}`}
      change={setMaxCost}
      given={limit.kind === 'valid' ? { id, maxCost: limit.dollars } : null}
      onDone={props.onDone}
    >
      <label class="field">
        US dollars
        <input
          type="text"
          inputMode="decimal"
          placeholder="no limit"
          value={typed}
          aria-invalid={limit.kind === 'invalid'}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      {limit.kind === 'invalid' && (
        <div role="alert">
          <Problems problems={[{ path: '', message: limit.message }]} />
        </div>
      )}
    </ChangeButton>
  );
}
