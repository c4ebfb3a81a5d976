import type { ChangeTopic, Services } from '../context/context';
import { topicName } from '../subscriptions/run-changes';

/** Where the functions tell each other that there is something to do: a hint, as all else is in records and objects. */
export interface Hints {
  /** Wakes the reconciler. */
  wake(): Promise<void>;
  /** Has the fan-out look at what changed. */
  announce(announcement: Announcement): Promise<void>;
}

export interface Announcement {
  /** Names of topics that changed. */
  changed?: string[];
  /** Ids of stored operations that have just begun. */
  begun?: string[];
}

/** The services as one invocation sees them. */
export interface Invocation {
  services: Services;
  /**
   * Sends the hints that came up; to be awaited before the answer is given, since a function is frozen with it. A hint
   * that cannot be sent is logged and no failure: the work is done, and the schedule finds what it would have told.
   */
  finish(): Promise<void>;
}

export type BeginInvocation = () => Invocation;

/** @param stores open for as long as the process lives */
export function invocations(stores: Omit<Services, 'changes' | 'wake'>, hints: Hints): BeginInvocation {
  return () => {
    const changed = new Set<string>();
    let woken = false;
    const add = (topic: ChangeTopic) => changed.add(topicName(topic));
    const services: Services = {
      ...stores,
      changes: {
        runChanged(experimentId, runId) {
          add({ experimentId });
          add({ runId });
        },
        metricsWritten: (runId) => void add({ runId }),
        // Nobody waits in a function: whoever follows is stored, and hears of it from the fan-out.
        listen: () => null,
        newestHint: () => null,
        listeners: () => 0,
      },
      wake() {
        woken = true;
      },
    };
    const finish = async () => {
      const sent = [
        ...(woken ? [hints.wake()] : []),
        ...(changed.size > 0 ? [hints.announce({ changed: [...changed] })] : []),
      ];
      for (const outcome of await Promise.allSettled(sent))
        if (outcome.status === 'rejected') console.error(`a hint was not sent: ${outcome.reason}`);
    };
    return { services, finish };
  };
}
