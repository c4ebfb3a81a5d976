import type { MethodDescription } from '../../contract/methods';
import { metricNames } from '../../contract/metric-names';
import { describeMetric } from '../../contract/metrics';

export type DivergedPart = 'student' | 'teacher' | 'pilot';

/**
 * Which part of a run produced the first figures that are not finite. A step computes the pilot update, the teacher's update and
 * the student's, in this order, and all steps before were finite:
 *
 * - the cross-entropy reads the student alone, so without it the student's weights are sound;
 * - the quiz loss after the pilot update and what the teacher is taught follow from the pilot;
 * - what remains is the student's loss against the updated teacher.
 *
 * @param figures names of all figures of the step that are not finite
 */
export function divergedPart(
  figures: readonly string[],
  { trains, teacherLearns }: Pick<MethodDescription, 'trains' | 'teacherLearns'>,
): DivergedPart {
  if (trains === 'teacher') return 'teacher';
  if (teacherLearns === 'nothing') return 'student';
  if (figures.some((name) => describeMetric(name).subject === 'teacher')) return 'teacher';
  const has = (name: string) => figures.includes(name);
  if (has(metricNames.trainCrossEntropy)) return 'student';
  if ([metricNames.quizLoss, metricNames.metaGradientNorm, metricNames.studentFeedback].some(has)) return 'pilot';
  return has(metricNames.trainDistillation) ? 'teacher' : 'student';
}
