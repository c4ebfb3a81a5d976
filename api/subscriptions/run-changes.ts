import type { ChangeTopic, RunChanges } from '../context/context';

export const topicName = (topic: ChangeTopic): string =>
  'experimentId' in topic ? `experiment/${topic.experimentId}` : `run/${topic.runId}`;

interface Audience {
  listeners: Set<() => void>;
  newestHint: number;
}

export function createRunChanges(): RunChanges {
  const audiences = new Map<string, Audience>();
  // Counted over all topics, so that an audience that left and came back does not see an old number again.
  let hints = 0;
  const call = (topic: ChangeTopic) => {
    const audience = audiences.get(topicName(topic));
    if (audience === undefined) return;
    hints += 1;
    audience.newestHint = hints;
    for (const listener of audience.listeners) listener();
  };
  return {
    runChanged(experimentId, runId) {
      call({ experimentId });
      call({ runId });
    },
    metricsWritten(runId) {
      call({ runId });
    },
    listen(topic, listener) {
      const name = topicName(topic);
      let audience = audiences.get(name);
      if (audience === undefined) {
        hints += 1;
        audience = { listeners: new Set(), newestHint: hints };
        audiences.set(name, audience);
      }
      const { listeners } = audience;
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && audiences.get(name)?.listeners === listeners) audiences.delete(name);
      };
    },
    newestHint: (topic) => audiences.get(topicName(topic))?.newestHint ?? null,
    listeners() {
      return [...audiences.values()].reduce((count, { listeners }) => count + listeners.size, 0);
    },
  };
}
