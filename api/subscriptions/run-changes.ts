/**
 * Announces what changed in the records and objects, as a hint alone: whoever listens reads the change itself from
 * where it is kept. A hint that is lost or doubled therefore loses or doubles nothing.
 */
export interface RunChanges {
  /** A run's row changed and is committed. */
  runChanged(experimentId: string, runId: string): void;
  /** A chunk of metrics of a run is stored. */
  metricsWritten(runId: string): void;
  /** Calls back on every hint about the topic until the returned function is called; null where nobody can wait. */
  listen(topic: ChangeTopic, listener: () => void): (() => void) | null;
  /** How many listen, to all topics. */
  listeners(): number;
}

export type ChangeTopic = { experimentId: string } | { runId: string };

export const topicName = (topic: ChangeTopic): string =>
  'experimentId' in topic ? `experiment/${topic.experimentId}` : `run/${topic.runId}`;

export function createRunChanges(): RunChanges {
  const listenersByTopic = new Map<string, Set<() => void>>();
  const call = (topic: ChangeTopic) => {
    for (const listener of listenersByTopic.get(topicName(topic)) ?? []) listener();
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
      const listeners = listenersByTopic.get(name) ?? new Set();
      listenersByTopic.set(name, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && listenersByTopic.get(name) === listeners) listenersByTopic.delete(name);
      };
    },
    listeners() {
      return [...listenersByTopic.values()].reduce((count, listeners) => count + listeners.size, 0);
    },
  };
}
