import { handleJobEvent } from '../launcher/batch';
import { connectBatch } from '../launcher/batch-connection';
import { batchSettings, readEnvironment } from './environment';
import { invocations } from './invocation';
import { queueHints } from './queues';
import { openStores } from './stores';

const environment = readEnvironment('batch-events');
const begin = invocations(await openStores(environment), queueHints(environment));
const batch = connectBatch(batchSettings(environment));

/** Takes in a "Batch Job State Change" of EventBridge. */
export async function handler(event: unknown): Promise<void> {
  const { services, finish } = begin();
  await handleJobEvent(services, batch, event).finally(finish);
}
