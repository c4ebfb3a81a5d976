import type { DamagedObjectError } from '../../contract/objects/damaged-object';
import type { Attempt, Progress } from '../../contract/records';
import type { PriceSettings, Services } from '../context/context';
import { type AttemptUse, machineColumns, type RunCosts, recordUse } from '../cost/attempt-cost.store';
import { noPrices } from '../cost/prices';
import type { Database, DatabaseTransaction } from '../database/database';
import { inTransaction } from '../database/transaction';
import { describeAttempt, findDescribedAttempts } from '../runs/attempt.store';
import { markAsCancelled } from '../runs/cancelled-mark';
import { judgeRun } from '../runs/judge-run.service';
import { findRun } from '../runs/run.store';
import { applyEvent, applyEventIn, type ChangedRun, type RunFigures } from '../runs/run-life.service';
import { type Batch, nextBatch, partsTaken, positionWithin } from './batches';
import { followJob } from './continued-attempts';
import { findEpochRows, findSummaries, readPosition, storeEpochs, storePosition, storeSummaries } from './ingest.store';
import { readProgress, readResult, readStoredAttempts } from './run-objects';
import { epochRows, type Summaries, summarise } from './summary';

/**
 * Takes what a run has written since the last time into the records: attempts, progress, and the chunks of metrics in
 * order, each batch in one transaction with the position reached, or in several where it has very many metrics. Doing it
 * twice, or at two places at once, changes nothing: a part counts only if the position is still where it was read. A
 * batch with evaluations may stop the run, if its experiment stops those that fall behind.
 * @param stoppedAt only where records are built anew: the epoch at which the run is known to have been stopped, or null
 */
export async function ingestRun(services: Services, runId: string, stoppedAt?: number | null): Promise<void> {
  const { database, objects } = services;
  for (let more = true; more; ) {
    const { attempts, damage } = await readStoredAttempts(objects, runId);
    const ended = await followJob(services, runId, attempts);
    const position = await readPosition(database, runId);
    const batch = await nextBatch(objects, runId, position);
    const progress = await readProgress(objects, runId);
    const reached = await takeAllButLast(database, runId, position, batch);
    const taken = await inTransaction(database, async (transaction) => {
      if (reached === null || (await readPosition(transaction, runId)) !== reached) return 'overtaken';
      await recordAttempts(transaction, runId, attempts, services.prices ?? noPrices);
      for (const use of ended) await recordUse(transaction, runId, use);
      if (batch.lastKey !== position) {
        await storePosition(transaction, runId, batch.lastKey);
        await takePart(transaction, runId, batch, batch.parts.at(-1)!);
      }
      const isJudged = batch.records.some(({ scope }) => scope === 'epoch');
      const stoppedNow = isJudged ? await judgeRun(transaction, runId, stoppedAt) : null;
      // Before the decision is final: where the mark cannot be written, the run is judged again.
      if (stoppedNow !== null) await markAsCancelled(objects, runId, { stoppedAtEpoch: stoppedNow });
      const news: RunNews = {
        progress,
        attempts,
        elapsedSeconds: batch.records.at(-1)?.elapsedSeconds ?? null,
        damage: [...damage, ...batch.damage],
      };
      return { changed: await recordNews(transaction, runId, news), stoppedNow };
    });
    // Another ingest was faster, and may have listed fewer chunks than are there now.
    more = taken === 'overtaken' || batch.more;
    if (taken === 'overtaken') continue;
    if (taken.changed !== null) services.changes.runChanged(taken.changed.experimentId, runId);
    if (taken.stoppedNow !== null) services.wake();
    if (batch.lastKey !== position) services.changes.metricsWritten(runId);
  }
}

/** @returns the position before the last part; null where another ingest was faster */
async function takeAllButLast(
  database: Database,
  runId: string,
  position: string,
  batch: Batch,
): Promise<string | null> {
  if (batch.lastKey === position) return position;
  let reached = position;
  for (let part = partsTaken(position); part < batch.parts.length - 1; part += 1) {
    const next = positionWithin(batch, part + 1);
    const isTaken = await inTransaction(database, async (transaction) => {
      if ((await readPosition(transaction, runId)) !== reached) return false;
      await storePosition(transaction, runId, next);
      await takePart(transaction, runId, batch, batch.parts[part]!);
      return true;
    });
    if (!isTaken) return null;
    reached = next;
  }
  return reached;
}

/** What the run has cost with the end of an attempt. */
export async function recordEnd(services: Services, runId: string, end: AttemptUse): Promise<Partial<RunCosts>> {
  return (await inTransaction(services.database, (transaction) => recordUse(transaction, runId, end))) ?? {};
}

/** Takes in the result of a run, after all else it wrote; null where it has none or the records know already. */
export async function ingestResult(services: Services, runId: string): Promise<ChangedRun | null> {
  const result = await readResult(services.objects, runId);
  if (result === null) return null;
  await ingestRun(services, runId);
  const { attempt, attemptSeconds: seconds, finishedAt: until } = result;
  const end = { attempt, seconds, until, energy: undefined };
  return applyEvent(
    services,
    runId,
    { kind: 'succeeded' },
    {
      ...(await recordEnd(services, runId, end)),
      step: result.final.step,
      epoch: result.final.epoch,
      elapsed_seconds: result.final.elapsedSeconds,
      trained_parameters: result.trainedParameters,
      model_bytes: result.modelBytes,
      result_notes: JSON.stringify(result.notes),
      data_files: result.dataFiles === undefined ? null : JSON.stringify(result.dataFiles),
      selected_epoch: result.selected.epoch,
    },
  );
}

/** Takes in what of a batch is of the metrics `names`. */
async function takePart(
  transaction: DatabaseTransaction,
  runId: string,
  { records, anew }: Batch,
  names: ReadonlySet<string>,
): Promise<void> {
  const ofPart = <Row extends { name: string }>(rows: readonly Row[]) => rows.filter(({ name }) => names.has(name));
  const part = records.map((record) => ({
    ...record,
    values: Object.fromEntries(Object.entries(record.values).filter(([name]) => names.has(name))),
  }));
  const known: Summaries = new Map(ofPart(await findSummaries(transaction, runId)).map((row) => [row.name, row]));
  const summaries: Summaries = new Map(anew ? [] : known);
  summarise(summaries, runId, part);
  await storeSummaries(transaction, runId, known, summaries);
  const epochs = epochRows(runId, part);
  await storeEpochs(transaction, runId, anew ? ofPart(await findEpochRows(transaction, runId)) : [], epochs);
}

/** Fills in what only the trainer knows of its attempts; the rest was recorded when they were claimed. */
async function recordAttempts(
  transaction: DatabaseTransaction,
  runId: string,
  attempts: readonly Attempt[],
  prices: PriceSettings,
) {
  const described = await findDescribedAttempts(transaction, runId);
  for (const record of attempts) {
    const { attempt, host, pid, engine, resumedFromStep, startedAt } = record;
    if (described.has(attempt)) continue;
    await describeAttempt(
      transaction,
      { runId, attempt },
      {
        host,
        pid,
        engine: `${engine.name} ${engine.version}`,
        device: engine.device,
        resumed_from_step: resumedFromStep,
        // Its claim may have waited long for a machine.
        started_at: startedAt,
        ...machineColumns(record, prices),
      },
    );
  }
}

/** What a run has written of itself, its metrics apart. */
interface RunNews {
  progress: Progress | null;
  attempts: readonly Attempt[];
  /** Of the newest metrics; null where none are new. */
  elapsedSeconds: number | null;
  damage: readonly DamagedObjectError[];
}

async function recordNews(
  transaction: DatabaseTransaction,
  runId: string,
  { progress, attempts, elapsedSeconds, damage }: RunNews,
): Promise<ChangedRun | null> {
  const run = await findRun(transaction, runId);
  if (run === undefined) return null;
  const use = progress && {
    attempt: progress.attempt,
    seconds: progress.attemptSeconds,
    until: progress.at,
    energy: progress.energy,
  };
  const costs = use && (await recordUse(transaction, runId, use));
  const attempt = attempts.find((candidate) => candidate.attempt === run.attempt);
  const news: RunFigures = elapsedSeconds === null ? {} : { elapsed_seconds: elapsedSeconds };
  const damageText = withDamage(run.damage, damage);
  if (damageText !== run.damage) news.damage = damageText;
  // Of an earlier attempt they are in its own row, and in the sums of the next sign of life.
  if (costs !== null && use?.attempt === run.attempt) Object.assign(news, costs);
  if (attempt !== undefined) {
    const { name, version, device } = attempt.engine;
    // Compared, not told by the state: a sign of life may be read before the attempt's record is listed.
    if (run.engine !== `${name} ${version}`) news.engine = `${name} ${version}`;
    if (run.device !== device) news.device = device;
  }
  if (progress !== null && progress.attempt === run.attempt && progress.at !== run.heartbeat_at) {
    news.heartbeat_at = progress.at;
    if (run.cancel_requested === 0) news.phase = progress.phase;
    news.step = progress.step;
    news.total_steps = progress.totalSteps;
    news.epoch = progress.epoch;
    news.total_epochs = progress.totalEpochs;
  }
  if (Object.keys(news).length === 0) return null;
  return applyEventIn(transaction, runId, { kind: 'progressed', attempt: run.attempt }, news);
}

/** Damages that a run tells of, at most: more of them say nothing more. */
const toldDamages = 20;

/** A list of texts in JSON with those of further damages; as it was where it has them all. */
function withDamage(before: string | null, damage: readonly DamagedObjectError[]): string | null {
  const known: string[] = before === null ? [] : JSON.parse(before);
  const all = [...new Set([...known, ...damage.map(({ message }) => message)])].slice(0, toldDamages);
  return all.length === known.length ? before : JSON.stringify(all);
}
