import type { ParameterName, ParameterOverrides } from './parameters';

export const methodNames = [
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
export type MethodName = (typeof methodNames)[number];

export type TeacherUse = 'none' | 'logits' | 'states' | 'learns';

/** What a method is, what it needs, and which hyper-parameters it reads. */
export interface MethodDescription {
  name: MethodName;
  title: string;
  description: string;
  /** What the run trains and leaves behind: a student, or a teacher that other runs take as input. */
  trains: 'student' | 'teacher';
  needsTeacher: boolean;
  /** What it does with a teacher: nothing, reads the logits or also the inner states of a frozen one, or teaches it as well. */
  teacherUse: TeacherUse;
  usesQuiz: boolean;
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

/** The catalogue: one entry a method, in the order in which a reader meets them. */
export const methods: Readonly<Record<MethodName, MethodDescription>> = {
  scratch: {
    name: 'scratch',
    title: 'Training from scratch',
    description: 'The student learns from the labels alone: the baseline every distillation has to beat.',
    trains: 'student',
    needsTeacher: false,
    teacherUse: 'none',
    usesQuiz: false,
    defaults: {},
    defaultsReason: '',
    parameters: [...data, ...training, ...student, 'trainOnQuiz'],
  },
  kd: {
    name: 'kd',
    title: 'Knowledge distillation',
    description: 'The student learns from labels and from the logits of a frozen teacher (Hinton et al., 2015).',
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'logits',
    usesQuiz: false,
    defaults: {},
    defaultsReason: '',
    parameters: [...data, ...training, ...student, ...distillation, 'trainOnQuiz'],
  },
  pkd: {
    name: 'pkd',
    title: 'Patient knowledge distillation',
    description:
      "Kl distillation in which the student's state also imitates the [CLS] states of the teacher's layers, every second or the last ones, through projections that are thrown away after training (Sun et al., 2019).",
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'states',
    usesQuiz: false,
    defaults: { hintWeight: 100 },
    defaultsReason: 'Its authors search 10, 100, 500 and 1,000: the distance of two directions is small.',
    parameters: [...data, ...training, ...student, ...distilling, 'hintWeight', 'patientLayers', 'trainOnQuiz'],
  },
  distilbert: {
    name: 'distilbert',
    title: 'Distillation as for DistilBERT',
    description:
      "Soft cross-entropy, cross-entropy and the angle between the student's state and the teacher's last [CLS], through a projection that is thrown away after training (Sanh et al., 2019).",
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'states',
    usesQuiz: false,
    defaults: { hintWeight: 0.5 },
    defaultsReason: 'With alpha at 0.5 all three terms weigh the same.',
    parameters: [...data, ...training, ...student, ...distilling, 'hintWeight', 'trainOnQuiz'],
  },
  tinybert: {
    name: 'tinybert',
    title: 'Hints of TinyBERT',
    description:
      "Soft cross-entropy while the student's word vectors and states imitate, word by word, the teacher's embeddings and last states, through projections that are thrown away after training (Jiao et al., 2020).",
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'states',
    usesQuiz: false,
    defaults: { alpha: 1, temperature: 1 },
    defaultsReason: 'Its authors distil by soft cross-entropy at temperature 1 alone, without the labels.',
    parameters: [...data, ...training, ...student, ...distilling, 'hintWeight', 'trainOnQuiz'],
  },
  dixtill: {
    name: 'dixtill',
    title: 'Distillation with explanations',
    description:
      "DiXtill (Cantini et al., 2024): distillation by 1 - exp(-kl), while the student's attention over its words imitates what they did for the teacher's prediction by Integrated Gradients (Sundararajan et al., 2017), computed once and kept.",
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'states',
    usesQuiz: false,
    defaults: { studentPooling: 'attention' },
    defaultsReason: 'Its student is the one with attention.',
    parameters: [...data, ...training, ...student, ...distilling, 'attributionSteps', 'trainOnQuiz'],
  },
  'meta-full': {
    name: 'meta-full',
    title: 'Meta-distillation',
    description:
      'MetaDistil (Zhou et al., 2022): at every step the teacher first changes all its weights so that a pilot update of the student does better on the quiz set, then the student learns from it.',
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'learns',
    usesQuiz: true,
    defaults: { teacherLearningRate: 1e-5 },
    defaultsReason: 'All teacher weights move, so each moves little.',
    parameters: [...data, ...training, ...student, ...distillation, ...teacher, ...meta],
  },
  'meta-lora': {
    name: 'meta-lora',
    title: 'Parameter-efficient meta-distillation',
    description:
      'Meta-distillation in which only a small part of the teacher learns: LoRA matrices, or what `peft` names instead.',
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'learns',
    usesQuiz: true,
    defaults: { teacherLearningRate: 1e-4 },
    defaultsReason: 'LoRA matrices start at no effect and take larger steps than full weights.',
    parameters: [...data, ...training, ...student, ...distillation, ...teacher, ...peft, ...meta],
  },
  mpl: {
    name: 'mpl',
    title: 'Meta Pseudo Labels feedback',
    description:
      'As meta-full, but the teacher learns from one number a step, by how much labels drawn from it helped a pilot update of the student (Meta Pseudo Labels, Pham et al., 2021): a cheap baseline for the exact meta-gradient.',
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'learns',
    usesQuiz: true,
    defaults: { teacherLearningRate: 1e-5 },
    defaultsReason: 'As meta-full.',
    parameters: [...data, ...training, ...student, ...distillation, ...teacher, ...pilot],
  },
  'mpl-lora': {
    name: 'mpl-lora',
    title: 'Meta Pseudo Labels feedback, parameter-efficient',
    description: 'As mpl, but only that of the teacher learns that learns in meta-lora.',
    trains: 'student',
    needsTeacher: true,
    teacherUse: 'learns',
    usesQuiz: true,
    defaults: { teacherLearningRate: 1e-4 },
    defaultsReason: 'As meta-lora.',
    parameters: [...data, ...training, ...student, ...distillation, ...teacher, ...peft, ...pilot],
  },
  finetune: {
    name: 'finetune',
    title: 'Teacher fine-tuning',
    description: 'The teacher learns the task from the labels, all weights; other runs take its model as input.',
    trains: 'teacher',
    needsTeacher: true,
    teacherUse: 'learns',
    usesQuiz: false,
    defaults: { ...finetuneDefaults, teacherLearningRate: 5e-5 },
    defaultsReason: 'The usual recipe for BERT: 5e-5, a tenth of the steps to warm up, then linearly to 0.',
    parameters: [...data, ...training, 'maxTokens', 'minWordCount', ...teacher, 'teacherDropout', 'trainOnQuiz'],
  },
  'finetune-lora': {
    name: 'finetune-lora',
    title: 'Parameter-efficient teacher fine-tuning',
    description:
      'The teacher learns the task through LoRA matrices, or what `peft` names instead, pooler and classifier; what can be merged into its weights is.',
    trains: 'teacher',
    needsTeacher: true,
    teacherUse: 'learns',
    usesQuiz: false,
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
};
