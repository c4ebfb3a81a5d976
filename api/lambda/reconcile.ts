import { stuckRunsMetric } from '../../contract/aws';
import { fillAgain, mixedVersionsHours } from '../database/migrate';
import { reconcileBatch } from '../launcher/batch';
import { connectBatch } from '../launcher/batch-connection';
import { endExpiredConnections } from '../subscriptions/expired';
import { apiGatewayConnections } from './connections';
import { batchSettings, readEnvironment } from './environment';
import { invocations } from './invocation';
import { writeMetric } from './metric';
import { queueHints } from './queues';
import { openStores } from './stores';

const environment = readEnvironment('reconcile');
const begin = invocations(await openStores(environment, true), queueHints(environment));
const batch = connectBatch(batchSettings(environment));
const connections = apiGatewayConnections(environment);

/** One look at everything, by a schedule or because somebody wished it: messages say no more than that. */
export async function handler(): Promise<void> {
  const { services, finish } = begin();
  // Runs first: what is wrong with a connection keeps none of them waiting.
  try {
    const { stuckRuns } = await reconcileBatch(services, batch);
    if (stuckRuns > 0) writeMetric(stuckRunsMetric, stuckRuns);
  } finally {
    await finish();
    await endExpiredConnections(services, connections);
    // Functions are replaced after the migration, and those before them wrote without what it fills in.
    await fillAgain(services.database, mixedVersionsHours.functions);
  }
}
