import { attemptEndKey, attemptKey, attemptsPrefix } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { type Attempt, type AttemptEnd, attemptSchema } from '../../contract/records';
import { listKeys } from '../checkpoint/list-keys';

/**
 * Claims the next attempt of a run by writing its record where none is: of two processes that race for a number one
 * gets it and the other takes the next.
 */
export async function claimAttempt(
  objects: ObjectStore,
  description: Omit<Attempt, 'attempt' | 'version'>,
): Promise<Attempt> {
  for (;;) {
    const numbers = await attemptNumbers(objects, description.runId);
    const record: Attempt = { version: 1, ...description, attempt: Math.max(0, ...numbers) + 1 };
    const outcome = await objects.write(attemptKey(record.runId, record.attempt), toJson(record), { if: 'absent' });
    if (outcome.kind === 'written') return record;
  }
}

export async function endAttempt(objects: ObjectStore, attempt: Attempt, end: AttemptEnd): Promise<void> {
  await objects.write(attemptEndKey(attempt.runId, attempt.attempt), toJson(end));
}

/** The records of all attempts so far, in order. */
export async function readAttempts(objects: ObjectStore, runId: string): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const number of await attemptNumbers(objects, runId)) {
    const body = await objects.read(attemptKey(runId, number));
    if (body !== null) attempts.push(attemptSchema.parse(JSON.parse(Buffer.from(body).toString())));
  }
  return attempts;
}

export const hasAttempt = async (objects: ObjectStore, runId: string, attempt: number): Promise<boolean> =>
  (await objects.info(attemptKey(runId, attempt))) !== null;

async function attemptNumbers(objects: ObjectStore, runId: string): Promise<number[]> {
  const keys = await listKeys(objects, attemptsPrefix(runId));
  return keys.flatMap((key) => {
    const match = /\/(\d+)\.json$/.exec(key);
    return match ? [Number(match[1])] : [];
  });
}

const toJson = (record: Attempt | AttemptEnd): string => `${JSON.stringify(record, null, 2)}\n`;
