import { setTimeout as sleep } from 'node:timers/promises';
import { findTrainers } from './processes';

const pollMilliseconds = 100;

/**
 * Ends the trainers that outlived the server which started them: has each write a checkpoint and leave, and kills
 * those that take too long.
 * @param left called when the last trainer of a run is gone
 * @param runsOfOthers runs that another server sees to
 * @returns the runs that still have a trainer; no other may be started for them until they leave the set
 */
export async function removeOrphans(
  objectsLocation: string,
  stopMilliseconds: number,
  left: () => void,
  runsOfOthers: () => Promise<ReadonlySet<string>>,
): Promise<ReadonlySet<string>> {
  const trainers = await findTrainers(objectsLocation);
  // Asked after the trainers: one that another server of this machine started since is no orphan.
  const ofOthers = await runsOfOthers();
  const orphans = trainers.filter(({ runId }) => !ofOthers.has(runId));
  const occupied = new Set(orphans.map(({ runId }) => runId));
  for (const { pid } of orphans) signal(pid, 'SIGTERM');

  const watch = async () => {
    for (let waited = 0; occupied.size > 0; waited += pollMilliseconds) {
      await sleep(pollMilliseconds);
      // Not by signal 0: a dead process whose parent never asks for its exit code would count as alive.
      const alive = await findTrainers(objectsLocation);
      const remaining = alive.filter(({ pid }) => orphans.some((orphan) => orphan.pid === pid));
      if (waited >= stopMilliseconds) for (const { pid } of remaining) signal(pid, 'SIGKILL');
      for (const runId of [...occupied])
        if (!remaining.some((trainer) => trainer.runId === runId) && occupied.delete(runId)) left();
    }
  };
  void watch();
  return occupied;
}

/** It may be gone already. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
