import type { MethodName } from '../../contract/methods';
import { type RunSpecInput, unreadParameters } from '../../contract/run-spec';
import { writeSentenceFiles } from './sentences';

/** Models and data so small that a whole run takes little more than its start. */
export const tinyParameters = {
  epochs: 2,
  batchSize: 16,
  studentUnits: 4,
  embeddingSize: 4,
  minWordCount: 1,
  loraRank: 2,
};

export const tinyTeacher = { kind: 'random', layers: 1, hidden: 8, heads: 2, intermediate: 16 } as const;

/** A run definition over generated sentences, which are written into `folder`. */
export function tinyRun(folder: string, method: MethodName, more: Partial<RunSpecInput> = {}): RunSpecInput {
  const unread: readonly string[] = unreadParameters(method, tinyParameters);
  const read = Object.fromEntries(Object.entries(tinyParameters).filter(([name]) => !unread.includes(name)));
  return {
    runId: method,
    method,
    data: writeSentenceFiles(folder, { train: 120, test: 40 }),
    teacher: method === 'scratch' ? null : tinyTeacher,
    ...more,
    parameters: { ...read, ...more.parameters },
    execution: { engine: 'portable', logEverySteps: 3, ...more.execution },
  };
}
