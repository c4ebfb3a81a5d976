import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { conflict, type Failure, isFailure } from '../shared/errors';
import { canonicalJson } from './canonical-json';
import type { Tables } from './tables';
import { inTransaction } from './transaction';

/** What a client asked for, and the key under which it may ask again. */
export interface KeyedRequest {
  clientRequestId: string | null | undefined;
  mutation: string;
  body: unknown;
}

const keyPattern = /^[\x21-\x7e]{1,200}$/;

/**
 * Carries out `effect` once a key. The answer is kept in the transaction of the effect, so that both happen or neither:
 * the same key with the same body gives that answer again, with another body or mutation it is refused. A failure
 * changes nothing and is not kept: the corrected request may come under the same key.
 *
 * @param effect must do all its work in the transaction; what it returns must survive JSON
 * @param prepare comes before the transaction, where the key is new: what it leaves must mean nothing by itself
 * @returns the answer, and whether it was given now (`repeated: false`) or before
 */
export async function once<Answer extends object, Prepared extends object = object>(
  database: Kysely<Tables>,
  { clientRequestId, mutation, body }: KeyedRequest,
  effect: (transaction: Transaction<Tables>, prepared: Prepared) => Promise<Answer | Failure>,
  prepare: () => Promise<Prepared | Failure> = async () => ({}) as Prepared,
): Promise<Failure | { answer: Answer; repeated: boolean }> {
  const key = clientRequestId ?? null;
  if (key !== null && !keyPattern.test(key))
    return {
      kind: 'INVALID_INPUT',
      problems: [{ path: 'clientRequestId', message: `"${key}" must be 1 to 200 visible ASCII characters` }],
    };
  const request = { key, mutation, bodyHash: createHash('sha256').update(canonicalJson(body)).digest('hex') };
  const before = await findAnswer<Answer>(database, request);
  if (before !== null) return before;
  const prepared = await prepare();
  if (isFailure(prepared)) return prepared;
  return inTransaction(database, async (transaction) => {
    const meanwhile = await findAnswer<Answer>(transaction, request);
    if (meanwhile !== null) return meanwhile;
    const outcome = await effect(transaction, prepared);
    if (isFailure(outcome)) return outcome;
    await keepAnswer(transaction, request, outcome);
    return { answer: outcome, repeated: false };
  });
}

interface HashedRequest {
  key: string | null;
  mutation: string;
  bodyHash: string;
}

/** The answer that was given to this request; a refusal where its key was used for another; null where it is new. */
async function findAnswer<Answer>(
  database: Kysely<Tables>,
  { key, mutation, bodyHash }: HashedRequest,
): Promise<Failure | { answer: Answer; repeated: true } | null> {
  if (key === null) return null;
  const kept = await database.selectFrom('idempotency').selectAll().where('key', '=', key).executeTakeFirst();
  if (kept === undefined) return null;
  if (kept.mutation === mutation && kept.body_hash === bodyHash)
    return { answer: JSON.parse(kept.response), repeated: true };
  return conflict(
    'clientRequestId',
    `"${key}" was used for ${kept.mutation === mutation ? 'another body' : kept.mutation}: take a new one`,
  );
}

async function keepAnswer(
  transaction: Transaction<Tables>,
  { key, mutation, bodyHash }: HashedRequest,
  answer: object,
): Promise<void> {
  if (key === null) return;
  const response = JSON.stringify(answer);
  await transaction
    .insertInto('idempotency')
    .values({ key, mutation, body_hash: bodyHash, response, created_at: new Date().toISOString() })
    // Of two requests at once one does not see the other's key: this has it try again, and find the answer.
    .onConflict((conflicting) => conflicting.column('key').doNothing())
    .execute();
}
