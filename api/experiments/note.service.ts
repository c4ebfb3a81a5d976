import type { Services } from '../context/context';
import { once } from '../database/idempotency';
import type { Tables } from '../database/tables';
import { findRuns } from '../runs/run-search.store';
import { type Failure, invalidInput, notFound } from '../shared/errors';
import { newId } from './experiment.service';
import { findExperiment, findNote, insertNote } from './experiment.store';

const textLength = 10_000;

export interface GivenNote {
  experimentId?: string | null;
  runId?: string | null;
  text: string;
  clientRequestId?: string | null;
}

/** Keeps a remark on an experiment, or on one run of it. */
export async function annotate(
  services: Services,
  author: string,
  { experimentId, runId, text, clientRequestId }: GivenNote,
): Promise<{ note: Tables['note']; repeated: boolean } | Failure> {
  const problems = [
    ...((experimentId == null) === (runId == null)
      ? [{ path: 'experimentId', message: 'give exactly one of experimentId and runId' }]
      : []),
    ...(text.trim() === '' || text.length > textLength
      ? [{ path: 'text', message: `has ${text.trim().length} characters: give 1 to ${textLength}` }]
      : []),
  ];
  if (problems.length > 0) return invalidInput(problems);
  const request = { clientRequestId, mutation: 'annotate', body: { experimentId, runId, text, author } };
  const done = await once(services.database, request, async (transaction) => {
    const run = runId == null ? undefined : (await findRuns(transaction, [runId]))[0];
    if (runId != null && run === undefined) return notFound('runId', 'run', runId);
    const owner = run?.experiment_id ?? experimentId ?? '';
    if ((await findExperiment(transaction, owner)) === undefined) return notFound('experimentId', 'experiment', owner);
    const note = {
      id: newId('n'),
      experiment_id: owner,
      run_id: run?.id ?? null,
      text,
      author,
      created_at: new Date().toISOString(),
    };
    await insertNote(transaction, note);
    return { id: note.id };
  });
  if ('kind' in done) return done;
  const note = await findNote(services.database, done.answer.id);
  if (note === undefined) throw new Error(`note ${done.answer.id} was kept and is not there`);
  return { note, repeated: done.repeated };
}
