/** What readers of a comparison need to know of a method, as the API's `methods` tells it. */
export interface MethodFacts {
  name: string;
  /** `student` or `teacher`. */
  trains: string;
  needsTeacher: boolean;
  /** `train` or `transform`. */
  kind: string;
}

/** Whether runs of a method leave a teacher behind. */
export const trainsTeacher = (methods: readonly MethodFacts[], method: string): boolean =>
  methods.some(({ name, trains }) => name === method && trains === 'teacher');

/**
 * The variant that others are usually compared with: a student trained without a teacher, which every distillation has
 * to beat; null without such a variant.
 */
export function usualBaseline<Variant extends { method: string }>(
  variants: readonly Variant[],
  methods: readonly MethodFacts[],
): Variant | null {
  const plain = methods.filter(
    ({ kind, trains, needsTeacher }) => kind === 'train' && trains === 'student' && !needsTeacher,
  );
  return variants.find(({ method }) => plain.some(({ name }) => name === method)) ?? null;
}
