import { methods } from '../../../contract/methods';
import { metricNames } from '../../../contract/metric-names';
import type { Parameters } from '../../../contract/parameters';
import { createMethod } from '../../../trainer/methods';
import type { Method } from '../../../trainer/methods/method';
import { divergedPart } from '../../../trainer/run/diverged-part';
import { describeOnEveryEngine } from '../../testkit/engines';
import { tinyStudent, tinyStudentWeights, tinyTeacher, tinyTeacherWeights } from '../../testkit/tiny-models';
import { figure, parameters, stepInputs, takeStep, wordProblem } from '../../testkit/training';

/** Beyond what a definition may ask for, so that weights overflow within a few steps. */
const excessive = 1e38;
const plain = parameters({ studentOptimizer: 'sgd', teacherOptimizer: 'sgd', gradientClipping: null });

/** The part that is blamed at the first step with a figure that is not finite. */
function blamed(method: 'meta-full' | 'mpl', changes: Partial<Parameters>): string {
  const created: Method = createMethod(method, {
    parameters: { ...plain, ...changes },
    totalSteps: 100,
    student: tinyStudent(),
    teacher: tinyTeacher(),
  });
  let state = created.begin({ student: tinyStudentWeights(), teacher: tinyTeacherWeights() });
  for (let step = 0; step < 10; step++) {
    const inputs = stepInputs(wordProblem(8, step), { quiz: wordProblem(8, 100 + step), step });
    const outcome = takeStep(created, state, inputs);
    const names = Object.keys(outcome.figures).filter((name) => !Number.isFinite(figure(outcome, name)));
    if (names.length > 0) return divergedPart(names, methods[method]);
    state = outcome.state;
  }
  return 'none';
}

describeOnEveryEngine('the part that produced a number that is not finite', () => {
  it.each(['meta-full', 'mpl'] as const)('is the one whose learning rate was excessive: %s', (method) => {
    expect(blamed(method, {})).toBe('none');
    expect(blamed(method, { studentLearningRate: excessive })).toBe('student');
    expect(blamed(method, { teacherLearningRate: excessive })).toBe('teacher');
    expect(blamed(method, { pilotLearningRate: excessive })).toBe('pilot');
  });
});

describe('the part that produced a number that is not finite', () => {
  it('is the only one that learns', () => {
    expect(divergedPart([metricNames.trainLoss], methods['finetune-lora'])).toBe('teacher');
    expect(divergedPart([metricNames.trainDistillation], methods.kd)).toBe('student');
    expect(divergedPart([metricNames.trainLoss], methods.scratch)).toBe('student');
  });

  it('is the model whose evaluation failed', () => {
    expect(divergedPart(['teacher/dev/loss'], methods['meta-lora'])).toBe('teacher');
    expect(divergedPart(['dev/loss'], methods['meta-lora'])).toBe('student');
  });
});
