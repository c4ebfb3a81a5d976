import { attemptEndKey, attemptKey, attemptsPrefix } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { readStored } from '../../contract/objects/stored-json';
import { type Attempt, type AttemptEnd, attemptSchema } from '../../contract/records';
import { listKeys } from '../checkpoint/list-keys';

/** Numbers that others may take while this process asks for one: a run is not carried out by that many at once. */
const claimTries = 100;

/**
 * Claims the next attempt of a run by writing its record where none is: of two processes that race for a number one
 * gets it and the other takes the next.
 * @throws Error where every number it asked for was taken
 */
export async function claimAttempt(
  objects: ObjectStore,
  description: Omit<Attempt, 'attempt' | 'version'>,
): Promise<Attempt> {
  for (let tries = 0; tries < claimTries; tries += 1) {
    const numbers = await attemptNumbers(objects, description.runId);
    const record: Attempt = { version: 1, ...description, attempt: Math.max(0, ...numbers) + 1 };
    const outcome = await objects.write(attemptKey(record.runId, record.attempt), toJson(record), { if: 'absent' });
    if (outcome.kind === 'written') return record;
  }
  throw new Error(
    `no attempt of run ${description.runId} could be claimed in ${claimTries} tries: the storage refuses ` +
      `${attemptKey(description.runId, 1)} and those behind it, and lists none of them`,
  );
}

export async function endAttempt(objects: ObjectStore, attempt: Attempt, end: AttemptEnd): Promise<void> {
  await objects.write(attemptEndKey(attempt.runId, attempt.attempt), toJson(end));
}

/** The records of all attempts so far, in order. @throws DamagedObjectError */
export async function readAttempts(objects: ObjectStore, runId: string): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const number of await attemptNumbers(objects, runId)) {
    const attempt = await readStored(objects, attemptKey(runId, number), attemptSchema);
    if (attempt !== null) attempts.push(attempt);
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
