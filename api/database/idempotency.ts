import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { conflict, type Failure, isFailure } from '../errors';
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
 * @returns the answer, and whether it was given now (`repeated: false`) or before
 */
export async function once<Answer extends object>(
  database: Kysely<Tables>,
  { clientRequestId, mutation, body }: KeyedRequest,
  effect: (transaction: Transaction<Tables>) => Promise<Answer | Failure>,
): Promise<Failure | { answer: Answer; repeated: boolean }> {
  const key = clientRequestId ?? null;
  if (key !== null && !keyPattern.test(key))
    return {
      kind: 'INVALID_INPUT',
      problems: [{ path: 'clientRequestId', message: `"${key}" must be 1 to 200 visible ASCII characters` }],
    };
  const bodyHash = createHash('sha256').update(canonicalJson(body)).digest('hex');
  return inTransaction(database, async (transaction) => {
    const kept =
      key === null
        ? undefined
        : await transaction.selectFrom('idempotency').selectAll().where('key', '=', key).executeTakeFirst();
    if (kept !== undefined) {
      if (kept.mutation === mutation && kept.body_hash === bodyHash)
        return { answer: JSON.parse(kept.response) as Answer, repeated: true };
      return conflict(
        'clientRequestId',
        `"${key}" was used for ${kept.mutation === mutation ? 'another body' : kept.mutation}: take a new one`,
      );
    }
    const outcome = await effect(transaction);
    if (isFailure(outcome)) return outcome;
    if (key !== null)
      await transaction
        .insertInto('idempotency')
        .values({
          key,
          mutation,
          body_hash: bodyHash,
          response: JSON.stringify(outcome),
          created_at: new Date().toISOString(),
        })
        // Of two requests at once one does not see the other's key: this has it try again, and find the answer.
        .onConflict((conflict) => conflict.column('key').doNothing())
        .execute();
    return { answer: outcome, repeated: false };
  });
}
