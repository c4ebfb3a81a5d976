import type { Database, DatabaseTransaction } from '../database/database';

/** Begins the count of an experiment's crashes in a row anew. */
export async function resetInfrastructureFailures(transaction: DatabaseTransaction, experimentId: string) {
  await transaction
    .updateTable('experiment')
    .set({ infrastructure_failures: 0 })
    .where('id', '=', experimentId)
    .where('infrastructure_failures', '>', 0)
    .execute();
}

/** Counts a crash of an experiment; at the limit the experiment launches nothing more, for `reason`. */
export async function addInfrastructureFailure(
  transaction: DatabaseTransaction,
  experimentId: string,
  { limit, reason }: { limit: number; reason: string },
): Promise<void> {
  const ofThisExperiment = () => transaction.updateTable('experiment').where('id', '=', experimentId);
  await ofThisExperiment()
    .set((column) => ({ infrastructure_failures: column('infrastructure_failures', '+', 1) }))
    .execute();
  await ofThisExperiment()
    .set({ state: 'stopped', stop_kind: 'failures', stop_reason: reason, updated_at: new Date().toISOString() })
    .where('state', '=', 'launched')
    .where('infrastructure_failures', '>=', limit)
    .execute();
}

/** Lets a stopped or cancelled experiment launch again. */
export async function resumeLaunching(transaction: DatabaseTransaction, experimentId: string): Promise<void> {
  await transaction
    .updateTable('experiment')
    .set({
      state: 'launched',
      stop_reason: null,
      stop_kind: null,
      infrastructure_failures: 0,
      updated_at: new Date().toISOString(),
    })
    .where('id', '=', experimentId)
    .where('state', 'in', ['stopped', 'cancelled'])
    .execute();
}

/** Lets an experiment launch nothing more, because somebody cancelled it. */
export async function cancelLaunching(database: Database, experimentId: string): Promise<void> {
  await database
    .updateTable('experiment')
    .set({ state: 'cancelled', updated_at: new Date().toISOString() })
    .where('id', '=', experimentId)
    .where('state', '!=', 'cancelled')
    .execute();
}
