import { bestOf, defaultSelectBy, describeMetric } from '../../contract/metrics';
import type { DatabaseTransaction } from '../database/database';
import { baseVariant, type ExperimentDefinition, teacherVariant } from '../definition/definition';
import { goesOn, rungsOf } from '../definition/successive-halving';
import { findEpochValues, findJudgedEpochs, findJudgedRun, findRung, insertRungResult } from './halving.store';
import { applyEventIn } from './run-life.service';

/**
 * Judges a run at every rung that it has reached since the last time, by the records alone: whoever took them in, and
 * wherever the trainer runs. Runs compete with the runs of their variant, at their best value up to the rung of the
 * metric that selects their model; the test set stops nothing.
 * Every judgement is kept with its place in the order of arrivals, so that it is made once and can be made again.
 *
 * @param stoppedAt the epoch of the rung at which it is known to have been stopped: judgements are then not made but
 *   kept, as where the records are built anew. undefined: judge.
 * @returns the epoch of the rung at which it is stopped now; null where it goes on
 */
export async function judgeRun(
  transaction: DatabaseTransaction,
  runId: string,
  stoppedAt?: number | null,
): Promise<number | null> {
  const run = await findJudgedRun(transaction, runId);
  if (run === undefined || run.variant === teacherVariant) return null;
  const definition: Pick<ExperimentDefinition, 'halving' | 'variants' | 'selectBy'> = JSON.parse(run.definition);
  if (!definition.halving) return null;
  const selectBy = definition.selectBy ?? defaultSelectBy;
  const { better } = describeMetric(selectBy);
  const values = await findEpochValues(transaction, runId, selectBy);
  const judged = await findJudgedEpochs(transaction, runId);
  const reached = values.at(-1)?.epoch ?? 0;
  const variant = baseVariant(definition, run.variant);
  for (const epoch of rungsOf(definition.halving, run.totalEpochs)) {
    if (epoch > reached || judged.has(epoch)) continue;
    const rung = await findRung(transaction, { experimentId: run.experimentId, variant, epoch });
    const counted = values.filter((each) => each.epoch <= epoch);
    const { value } = bestOf(counted, better, (each) => each.value) ?? { value: null };
    if (value === null) continue;
    const earlier = rung.map((other) => other.value);
    const stays =
      stoppedAt === undefined ? goesOn(value, earlier, definition.halving.reduction, better) : stoppedAt !== epoch;
    await insertRungResult(transaction, {
      experiment_id: run.experimentId,
      variant,
      epoch,
      place: (rung.at(-1)?.place ?? 0) + 1,
      run_id: runId,
      value,
      goes_on: stays ? 1 : 0,
      decided_at: new Date().toISOString(),
    });
    if (stays || stoppedAt !== undefined) continue;
    return (await applyEventIn(transaction, runId, { kind: 'stopped-early' })) === null ? null : epoch;
  }
  return null;
}
