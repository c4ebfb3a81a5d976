import type { ParameterName, ParameterOverrides } from './parameters';

export const trainingMethodNames = [
  'scratch',
  'kd',
  'pkd',
  'distilbert',
  'tinybert',
  'dixtill',
  'meta-full',
  'meta-lora',
  'mpl',
  'mpl-lora',
  'finetune',
  'finetune-lora',
] as const;
export type TrainingMethodName = (typeof trainingMethodNames)[number];

/** Methods that transform a trained model. */
export const compressionNames = ['magnitude'] as const;
export type CompressionName = (typeof compressionNames)[number];

export const methodNames = [...trainingMethodNames, ...compressionNames] as const;
export type MethodName = (typeof methodNames)[number];

/**
 * What a method needs of a teacher, each level including those before it: nothing; its logits, which a file of labels can give; the
 * states inside it; gradients through it, for attributions; or its weights, because it learns.
 */
export type TeacherNeed = 'none' | 'logits' | 'states' | 'attributions' | 'weights';

/** A method's kind, needs, hyper-parameters and source; everything that decides on a method reads it here. */
export interface MethodDescription {
  name: MethodName;
  title: string;
  description: string;
  /** `train`: epochs of steps, each of which changes a model. `transform`: a trained model goes in, another one comes out. */
  kind: 'train' | 'transform';
  /** The model that the run leaves behind: a student, or a teacher that other runs take as input. */
  trains: 'student' | 'teacher';
  needs: {
    teacher: TeacherNeed;
    /** `attention`: the student must pool its words by attention. `trained`: it must come from a run or a folder. */
    student: 'any' | 'attention' | 'trained';
    /** Whether it learns from quiz rows, which it then keeps out of the training rows. */
    quiz: boolean;
  };
  /** The part of the teacher that learns; `part`: the one that the hyper-parameter `peft` chooses. */
  teacherLearns: 'nothing' | 'all' | 'part';
  /** Its source; null: none needed. */
  paper: string | null;
  /** Defaults that differ from those of `parametersSchema`, with the reason in `defaultsReason`. */
  defaults: ParameterOverrides;
  defaultsReason: string;
  parameters: readonly ParameterName[];
}

const data = [
  'preprocessing',
  'quizShare',
  'devShare',
  'splitSeed',
  'trainShare',
  'lengthAwareBatching',
] as const satisfies ParameterName[];
const training = [
  'epochs',
  'batchSize',
  'gradientClipping',
  'warmupShare',
  'schedule',
] as const satisfies ParameterName[];
const student = [
  'maxWords',
  'minWordCount',
  'studentUnits',
  'embeddingSize',
  'embeddingTrainable',
  'studentPooling',
  'attentionUnits',
  'studentDropout',
  'studentOptimizer',
  'studentLearningRate',
  'studentWeightDecay',
] as const satisfies ParameterName[];
/** Those of methods that choose the loss themselves. */
const distilling = ['maxTokens', 'alpha', 'temperature', 'temperatureScaling'] as const satisfies ParameterName[];
const distillation = [
  ...distilling,
  'loss',
  'logitsOverTemperature',
  'dkdTargetWeight',
  'dkdNonTargetWeight',
  'dkdWarmupShare',
  'distInterWeight',
  'distIntraWeight',
] as const satisfies ParameterName[];
const teacher = [
  'teacherOptimizer',
  'teacherLearningRate',
  'teacherWeightDecay',
  'evaluateTeacher',
] as const satisfies ParameterName[];
const peft = [
  'peft',
  'loraRank',
  'loraAlpha',
  'loraRankStabilised',
  'loraPlusRatio',
  'loraTargets',
  'loraLayers',
  'adapterSize',
  'prefixLength',
] as const satisfies ParameterName[];
const pilot = ['quizBatchSize', 'pilotOptimizer', 'pilotLearningRate'] as const satisfies ParameterName[];
const meta = [...pilot, 'normaliseMetaGradient'] as const satisfies ParameterName[];
const finetuneDefaults = { epochs: 4, warmupShare: 0.1, schedule: 'linear' } as const satisfies ParameterOverrides;

/** Of data and input that a compression reads: it evaluates the model on the rows that the model was selected and tested on. */
const evaluation = [
  'preprocessing',
  'quizShare',
  'devShare',
  'splitSeed',
  'trainShare',
  'maxWords',
  'maxTokens',
] as const satisfies ParameterName[];

/** Whether a method transforms a trained model. */
export const isCompression = (method: MethodName): method is CompressionName => methods[method].kind === 'transform';

/** The catalogue: one entry a method, in the order in which a reader meets them. */
export const methods: Readonly<Record<MethodName, MethodDescription>> = {
  scratch: {
    name: 'scratch',
    title: 'Training from scratch',
    description: 'The student learns from the labels alone: the baseline every distillation has to beat.',
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'none', student: 'any', quiz: false },
    teacherLearns: 'nothing',
    paper: null,
    defaults: {},
    defaultsReason: '',
    parameters: [...data, ...training, ...student, 'trainOnQuiz'],
  },
  kd: {
    name: 'kd',
    title: 'Knowledge distillation',
    description: 'The student learns from labels and from the logits of a frozen teacher (Hinton et al., 2015).',
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'logits', student: 'any', quiz: false },
    teacherLearns: 'nothing',
    paper: 'Hinton et al., 2015, arXiv:1503.02531',
    defaults: {},
    defaultsReason: '',
    parameters: [...data, ...training, ...student, ...distillation, 'trainOnQuiz'],
  },
  pkd: {
    name: 'pkd',
    title: 'Patient knowledge distillation',
    description:
      "Kl distillation in which the student's state also imitates the [CLS] states of the teacher's layers, every second or the last ones, through projections that are thrown away after training (Sun et al., 2019).",
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'states', student: 'any', quiz: false },
    teacherLearns: 'nothing',
    paper: 'Sun et al., 2019, arXiv:1908.09355',
    defaults: { hintWeight: 100 },
    defaultsReason: 'Its authors search 10, 100, 500 and 1,000: the distance of two directions is small.',
    parameters: [...data, ...training, ...student, ...distilling, 'hintWeight', 'patientLayers', 'trainOnQuiz'],
  },
  distilbert: {
    name: 'distilbert',
    title: 'Distillation as for DistilBERT',
    description:
      "Soft cross-entropy, cross-entropy and the angle between the student's state and the teacher's last [CLS], through a projection that is thrown away after training (Sanh et al., 2019).",
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'states', student: 'any', quiz: false },
    teacherLearns: 'nothing',
    paper: 'Sanh et al., 2019, arXiv:1910.01108',
    defaults: { hintWeight: 0.5 },
    defaultsReason: 'With alpha at 0.5 all three terms weigh the same.',
    parameters: [...data, ...training, ...student, ...distilling, 'hintWeight', 'trainOnQuiz'],
  },
  tinybert: {
    name: 'tinybert',
    title: 'Hints of TinyBERT',
    description:
      "Soft cross-entropy while the student's word vectors and states imitate, word by word, the teacher's embeddings and last states, through projections that are thrown away after training (Jiao et al., 2020).",
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'states', student: 'any', quiz: false },
    teacherLearns: 'nothing',
    paper: 'Jiao et al., 2020, arXiv:1909.10351',
    defaults: { alpha: 1, temperature: 1 },
    defaultsReason: 'Its authors distil by soft cross-entropy at temperature 1 alone, without the labels.',
    parameters: [...data, ...training, ...student, ...distilling, 'hintWeight', 'trainOnQuiz'],
  },
  dixtill: {
    name: 'dixtill',
    title: 'Distillation with explanations',
    description:
      "DiXtill (Cantini et al., 2024): distillation by 1 - exp(-kl), while the student's attention over its words imitates what they did for the teacher's prediction by Integrated Gradients (Sundararajan et al., 2017), computed once and kept.",
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'attributions', student: 'attention', quiz: false },
    teacherLearns: 'nothing',
    paper: 'Cantini et al., 2024',
    defaults: { studentPooling: 'attention' },
    defaultsReason: 'Its student is the one with attention.',
    parameters: [...data, ...training, ...student, ...distilling, 'attributionSteps', 'trainOnQuiz'],
  },
  'meta-full': {
    name: 'meta-full',
    title: 'Meta-distillation',
    description:
      'MetaDistil (Zhou et al., 2022): at every step the teacher first changes all its weights so that a pilot update of the student does better on the quiz set, then the student learns from it.',
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'weights', student: 'any', quiz: true },
    teacherLearns: 'all',
    paper: 'Zhou et al., 2022, arXiv:2106.04570',
    defaults: { teacherLearningRate: 1e-5 },
    defaultsReason: 'All teacher weights move, so each moves little.',
    parameters: [...data, ...training, ...student, ...distillation, ...teacher, ...meta],
  },
  'meta-lora': {
    name: 'meta-lora',
    title: 'Parameter-efficient meta-distillation',
    description:
      'Meta-distillation in which only a small part of the teacher learns: LoRA matrices, or what `peft` names instead.',
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'weights', student: 'any', quiz: true },
    teacherLearns: 'part',
    paper: 'Zhou et al., 2022, arXiv:2106.04570; Hu et al., 2021, arXiv:2106.09685',
    defaults: { teacherLearningRate: 1e-4 },
    defaultsReason: 'LoRA matrices start at no effect and take larger steps than full weights.',
    parameters: [...data, ...training, ...student, ...distillation, ...teacher, ...peft, ...meta],
  },
  mpl: {
    name: 'mpl',
    title: 'Meta Pseudo Labels feedback',
    description:
      'As meta-full, but the teacher learns from one number a step, by how much labels drawn from it helped a pilot update of the student (Meta Pseudo Labels, Pham et al., 2021): a cheap baseline for the exact meta-gradient.',
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'weights', student: 'any', quiz: true },
    teacherLearns: 'all',
    paper: 'Pham et al., 2021, arXiv:2003.10580',
    defaults: { teacherLearningRate: 1e-5 },
    defaultsReason: 'As meta-full.',
    parameters: [...data, ...training, ...student, ...distillation, ...teacher, ...pilot],
  },
  'mpl-lora': {
    name: 'mpl-lora',
    title: 'Meta Pseudo Labels feedback, parameter-efficient',
    description: 'As mpl, but only that of the teacher learns that learns in meta-lora.',
    kind: 'train',
    trains: 'student',
    needs: { teacher: 'weights', student: 'any', quiz: true },
    teacherLearns: 'part',
    paper: 'Pham et al., 2021, arXiv:2003.10580; Hu et al., 2021, arXiv:2106.09685',
    defaults: { teacherLearningRate: 1e-4 },
    defaultsReason: 'As meta-lora.',
    parameters: [...data, ...training, ...student, ...distillation, ...teacher, ...peft, ...pilot],
  },
  finetune: {
    name: 'finetune',
    title: 'Teacher fine-tuning',
    description: 'The teacher learns the task from the labels, all weights; other runs take its model as input.',
    kind: 'train',
    trains: 'teacher',
    needs: { teacher: 'weights', student: 'any', quiz: false },
    teacherLearns: 'all',
    paper: 'Devlin et al., 2019, arXiv:1810.04805',
    defaults: { ...finetuneDefaults, teacherLearningRate: 5e-5 },
    defaultsReason: 'The usual recipe for BERT: 5e-5, a tenth of the steps to warm up, then linearly to 0.',
    parameters: [...data, ...training, 'maxTokens', 'minWordCount', ...teacher, 'teacherDropout', 'trainOnQuiz'],
  },
  'finetune-lora': {
    name: 'finetune-lora',
    title: 'Parameter-efficient teacher fine-tuning',
    description:
      'The teacher learns the task through LoRA matrices, or what `peft` names instead, pooler and classifier; what can be merged into its weights is.',
    kind: 'train',
    trains: 'teacher',
    needs: { teacher: 'weights', student: 'any', quiz: false },
    teacherLearns: 'part',
    paper: 'Hu et al., 2021, arXiv:2106.09685',
    defaults: { ...finetuneDefaults, teacherLearningRate: 5e-4 },
    defaultsReason: 'As full fine-tuning, with the ten times larger step that LoRA matrices take.',
    parameters: [
      ...data,
      ...training,
      'maxTokens',
      'minWordCount',
      ...teacher,
      'teacherDropout',
      ...peft,
      'trainOnQuiz',
    ],
  },
  magnitude: {
    name: 'magnitude',
    title: 'Magnitude pruning',
    description:
      'Sets the smallest weights of the matrices of a trained model to 0, once; embeddings, biases, norms and the head stay. A training that begins with its model keeps the zeros (Han et al., 2015).',
    kind: 'transform',
    trains: 'student',
    needs: { teacher: 'none', student: 'trained', quiz: false },
    teacherLearns: 'nothing',
    paper: 'Han et al., 2015, arXiv:1506.02626',
    defaults: {},
    defaultsReason: '',
    parameters: [...evaluation, 'sparsity', 'pruningScope'],
  },
};
