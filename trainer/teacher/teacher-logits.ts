import { batchOf, type Examples, evaluationOrder } from '../data/batches';
import { predict } from '../evaluation/predict';
import { type FrozenTeacher, type KeptOutputs, keptOutputs } from './kept-outputs';

/** Examples a forward pass. */
export const evaluationBatchSize = 64;

/** Logits of a teacher that does not change, kept on this machine for all runs that ask for the same. */
export interface TeacherLogits {
  /** Logits in the order of the examples, [n, classes]; null where `signal` was aborted. */
  of(examples: Examples, signal: AbortSignal): Promise<Float32Array | null>;
}

/** @param directory `teacher-logits` is made in it. */
export function teacherLogitsCache(
  teacher: FrozenTeacher,
  directory: string,
  kept: KeptOutputs = keptOutputs(teacher, directory),
): TeacherLogits {
  return {
    of: async (examples, signal) => {
      const outputs = await kept.of({ folder: 'teacher-logits' }, examples, async () => {
        const batches = evaluationOrder(examples, evaluationBatchSize).map((positions) => batchOf(examples, positions));
        const predictions = await predict(teacher.classifier, teacher.weights, batches, signal);
        return predictions && { logits: { rows: examples.rows.length, values: predictions.logits } };
      });
      return outputs && outputs.logits!.values;
    },
  };
}
