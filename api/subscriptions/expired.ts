import type { Services } from '../context/context';
import { inParallel } from '../shared/in-parallel';
import { deleteConnections, findExpiredConnections } from './connection.store';
import type { Connections } from './connections';

/** In one look; the next goes on. */
const connectionsPerLook = 500;

/** Ends connections whose time, or whose token's time, is over, and forgets what is on them. */
export async function endExpiredConnections({ database }: Services, connections: Connections): Promise<void> {
  const expired = await findExpiredConnections(database, new Date(), connectionsPerLook);
  const ended: string[] = [];
  await inParallel(expired, async (id) => {
    try {
      await connections.close(id);
      ended.push(id);
    } catch (error) {
      console.error(`connection ${id} was not ended, and is tried again: ${(error as Error).message}`);
    }
  });
  await deleteConnections(database, ended);
}
