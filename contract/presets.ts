import type { MethodName } from './methods';
import type { ParameterName, ParameterOverrides } from './parameters';

export const presetNames = ['E1', 'E2', 'E3', 'E4', 'E5', 'E6', 'E7', 'E8'] as const;
export type PresetName = (typeof presetNames)[number];

/** One variant of a preset, and what the thesis reports of it. */
export interface PresetVariant {
  name: string;
  method: MethodName;
  parameters: ParameterOverrides;
  /** Best accuracy on test over the epochs of a single run; null where the thesis gives no number. */
  reportedAccuracy: number | null;
}

/**
 * A table in which an experiment's outcome is shown.
 * `best`: the maximum over epochs beside the value selected on dev; `at-epochs`: accuracy and F1 at some epochs;
 * `epoch-seconds`: time an epoch takes; `budgets`: accuracy after so many seconds; `temperature`: how much the
 * accuracy depends on the temperature; `teacher`: the teacher before training, after every epoch and at the end.
 */
export type PresetTable =
  | { kind: 'best' }
  | { kind: 'at-epochs'; epochs: readonly number[] }
  | { kind: 'epoch-seconds' }
  | { kind: 'budgets'; seconds: readonly number[] }
  | { kind: 'temperature' }
  | { kind: 'teacher'; reported: TeacherFigures | null };

/** A teacher's scores on test. */
export interface TeacherFigures {
  before: { accuracy: number; macroF1: number };
  after: { accuracy: number; macroF1: number };
}

/** One of the thesis's experiments at full size. */
export interface Preset {
  name: PresetName;
  title: string;
  question: string;
  /** What a reader must know to set the outcome beside the thesis's. */
  notes: readonly string[];
  parameters: ParameterOverrides;
  variants: readonly PresetVariant[];
  /** Values of one hyper-parameter that every variant reading it is tried with. */
  sweep: { parameter: ParameterName; values: readonly number[] } | null;
  tables: readonly PresetTable[];
}

const singleRuns =
  'The figures of the thesis are maxima over the epochs of single runs on the 2,388 test rows, where one standard error is about .0073: selected on test, and without a spread.';
const sameGradient =
  'ce and kl differ by the entropy of the teacher, which no weight of the student moves: their gradients are equal, so what tells them apart here is noise.';

const variant = (
  name: string,
  method: MethodName,
  parameters: ParameterOverrides = {},
  reportedAccuracy: number | null = null,
): PresetVariant => ({ name, method, parameters, reportedAccuracy });

const scratch = variant('scratch', 'scratch');
const metaFull = variant('meta-full', 'meta-full');
const metaLora = variant('meta-lora', 'meta-lora');
const kdKl = variant('kd-kl', 'kd', { loss: 'kl' });
const oneOfEachMethod = [scratch, kdKl, metaFull, metaLora];

/**
 * The thesis's experiments E1 to E8, defined where it is silent by the defaults of the methods (batch 32, student
 * learning rate 1e-3, 64 words) and five seeds. Figures: the thesis, as it reports them.
 */
export const presets: Readonly<Record<PresetName, Preset>> = {
  E1: {
    name: 'E1',
    title: 'Optimizers',
    question: 'Which optimizers suit student and teacher?',
    notes: [
      singleRuns,
      'The loss is ce: with it the thesis reports the same .8438 for meta-lora with Adam and AdamW here and in its comparison of losses.',
    ],
    parameters: { epochs: 20 },
    variants: [
      variant('scratch adam', 'scratch', { studentOptimizer: 'adam' }, 0.8057),
      variant('scratch rmsprop', 'scratch', { studentOptimizer: 'rmsprop' }, 0.8082),
      variant('kd adam', 'kd', { loss: 'ce', studentOptimizer: 'adam' }, 0.7902),
      variant('kd rmsprop', 'kd', { loss: 'ce', studentOptimizer: 'rmsprop' }, 0.8149),
      variant('meta-full adam+adamw', 'meta-full', optimizers('adam', 'adamw'), 0.8375),
      variant('meta-full rmsprop+adamw', 'meta-full', optimizers('rmsprop', 'adamw'), 0.8442),
      variant('meta-lora adam+adamw', 'meta-lora', optimizers('adam', 'adamw'), 0.8438),
      variant('meta-lora adam+adam', 'meta-lora', optimizers('adam', 'adam'), 0.8329),
      variant('meta-lora rmsprop+adamw', 'meta-lora', optimizers('rmsprop', 'adamw'), 0.848),
    ],
    sweep: null,
    tables: [{ kind: 'best' }],
  },
  E2: {
    name: 'E2',
    title: 'Losses',
    question: 'Which distillation loss suits the meta methods?',
    notes: [singleRuns, sameGradient],
    parameters: { epochs: 15 },
    variants: [
      variant('meta-full ce', 'meta-full', { loss: 'ce' }, 0.8183),
      variant('meta-full kl', 'meta-full', { loss: 'kl' }, 0.8107),
      variant('meta-full mse', 'meta-full', { loss: 'mse' }, 0.8262),
      variant('meta-lora ce', 'meta-lora', { loss: 'ce' }, 0.8438),
      variant('meta-lora kl', 'meta-lora', { loss: 'kl' }, 0.8405),
      variant('meta-lora mse', 'meta-lora', { loss: 'mse' }, 0.8354),
    ],
    sweep: null,
    tables: [{ kind: 'best' }],
  },
  E3: {
    name: 'E3',
    title: 'Rank of the LoRA matrices',
    question: 'What do accuracy and training time owe to the rank?',
    notes: ['The thesis chose rank 16.', 'loraAlpha stays 16, so the scale falls as the rank rises.'],
    parameters: { epochs: 15 },
    variants: [metaLora],
    sweep: { parameter: 'loraRank', values: [2, 4, 8, 16, 32, 64] },
    tables: [{ kind: 'best' }],
  },
  E4: {
    name: 'E4',
    title: 'Comparison of the methods',
    question: 'Which method makes the best student, and how sure is that?',
    notes: [sameGradient],
    parameters: { epochs: 20 },
    variants: [
      scratch,
      variant('kd-ce', 'kd', { loss: 'ce' }),
      kdKl,
      variant('kd-mse', 'kd', { loss: 'mse' }),
      metaFull,
      metaLora,
    ],
    sweep: null,
    tables: [
      { kind: 'best' },
      { kind: 'at-epochs', epochs: [5, 10, 15, 20] },
      { kind: 'teacher', reported: null },
      { kind: 'epoch-seconds' },
    ],
  },
  E5: {
    name: 'E5',
    title: 'Time per epoch',
    question: 'What does an epoch of each method cost in time?',
    notes: ['Times are those of one machine; runs that shared it took each other time.'],
    parameters: { epochs: 5 },
    variants: oneOfEachMethod,
    sweep: null,
    tables: [{ kind: 'epoch-seconds' }],
  },
  E6: {
    name: 'E6',
    title: 'Time budgets',
    question: 'Which method makes the best student within a given time?',
    notes: [
      'The clock of a run begins with its process: loading, cached logits and evaluations are in the budget, the fine-tuning of the teacher comes on top.',
      'A run that ended before its budget counts with its last epoch.',
    ],
    parameters: {},
    variants: [
      { ...scratch, parameters: { epochs: 100 } },
      { ...kdKl, parameters: { ...kdKl.parameters, epochs: 100 } },
      { ...metaFull, parameters: { epochs: 20 } },
      { ...metaLora, parameters: { epochs: 20 } },
    ],
    sweep: null,
    tables: [{ kind: 'budgets', seconds: [100, 200] }],
  },
  E7: {
    name: 'E7',
    title: 'Sensitivity to the temperature',
    question: 'How much does each method depend on the temperature?',
    notes: ['The loss is kl; mse on raw logits knows no temperature.'],
    parameters: { epochs: 20, loss: 'kl' },
    variants: [variant('kd', 'kd'), metaFull, metaLora],
    sweep: { parameter: 'temperature', values: [2, 3, 4, 5] },
    tables: [{ kind: 'temperature' }, { kind: 'best' }],
  },
  E8: {
    name: 'E8',
    title: 'The teacher before and after',
    question: 'Does the teacher itself get better while it teaches?',
    notes: ['The figures of the thesis are of one run; on its test rows one standard error is about .0073.'],
    parameters: { epochs: 15, evaluateTeacher: 'epochs' },
    variants: [metaLora],
    sweep: null,
    tables: [
      {
        kind: 'teacher',
        reported: {
          before: { accuracy: 0.8547, macroF1: 0.8097 },
          after: { accuracy: 0.8564, macroF1: 0.8112 },
        },
      },
      { kind: 'best' },
    ],
  },
};

function optimizers(student: 'adam' | 'rmsprop', teacher: 'adam' | 'adamw'): ParameterOverrides {
  return { loss: 'ce', studentOptimizer: student, teacherOptimizer: teacher };
}

/** Size of a preset that is not the full one: the share of train rows and of epochs (rounded up) that is left. */
export function scaledEpochs(epochs: number, scale: number): number {
  return Math.max(1, Math.ceil(epochs * scale - 1e-9));
}
