import { z } from 'zod';

/**
 * Every hyper-parameter of a run: one flat namespace, so that a grid, a filter and a column can name any of them.
 * The schema holds the range and the default; `describe` holds what it does and why the default is what it is.
 * A default that depends on the method stands in `methods.ts`.
 */
const share = z.number().min(0).max(0.5);
const weight = z.number().min(0).max(1000);
const learningRate = z.number().positive().max(10);
const optimizerName = z.enum(['sgd', 'rmsprop', 'adam', 'adamw']);

/** Default of `pilotLearningRate` by `pilotOptimizer`. */
export const pilotLearningRates = { sgd: 0.05, rmsprop: 0.001, adam: 0.001 } as const;

export const parametersSchema = z.strictObject({
  // Data
  preprocessing: z
    .enum(['thesis', 'light', 'none'])
    .default('thesis')
    .describe(
      'Text cleaning. `thesis`: lower-case, drop links and every character outside [a-zA-Z$0-9 !?] (so "1.5%" becomes "15"); `light`: lower-case and drop links; `none`.',
    ),
  quizShare: share.default(0.1).describe('Stratified share of the train rows held out for the teacher to learn from.'),
  devShare: share
    .positive()
    .default(0.1)
    .describe('Stratified share of the train rows on which the model is selected; the test set selects nothing.'),
  splitSeed: z
    .int()
    .min(0)
    .max(0xffffffff)
    .nullable()
    .default(0)
    .describe(
      'Seed of the train / quiz / dev split. The same for every run by default, so that runs with one seed are paired on the same rows; null takes the run seed.',
    ),
  trainShare: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe('Stratified share of the remaining train rows that is used; below 1 the result says so.'),
  trainOnQuiz: z
    .boolean()
    .default(false)
    .describe(
      'Add the quiz rows to the training rows (scratch, kd, fine-tuning): a baseline that has seen as many labels as a meta method.',
    ),
  maxWords: z.int().min(1).max(512).default(64).describe('Words of an example the student reads; the rest is cut.'),
  maxTokens: z
    .int()
    .min(3)
    .max(512)
    .default(64)
    .describe('Word pieces of an example the teacher reads, [CLS] and [SEP] included; the rest is cut.'),
  minWordCount: z
    .int()
    .min(1)
    .max(1000)
    .default(2)
    .describe(
      'Occurrences in the training rows that give a word without a pre-trained vector its own embedding; also those that take a word into the vocabulary of a random teacher.',
    ),
  lengthAwareBatching: z
    .boolean()
    .default(false)
    .describe('Batches of similar length: less padding, but other batches, so results differ. Off by default.'),

  // Training
  epochs: z.int().min(1).max(1000).default(10).describe('Passes over the training rows.'),
  batchSize: z.int().min(1).max(1024).default(32).describe('Examples a step.'),
  quizBatchSize: z.int().min(1).max(1024).nullable().default(null).describe('Quiz examples a step; null: batchSize.'),
  gradientClipping: z
    .number()
    .positive()
    .nullable()
    .default(1)
    .describe('Largest global norm of a gradient (student, and teacher in fine-tuning); null: none.'),
  warmupShare: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Share of all steps over which the learning rate rises linearly from 0.'),
  schedule: z
    .enum(['constant', 'linear'])
    .default('constant')
    .describe('Learning rate after warm-up: kept, or falling linearly to 0 at the last step.'),

  // Student
  studentUnits: z.int().min(1).max(2048).default(50).describe('LSTM units a direction.'),
  embeddingSize: z
    .int()
    .min(1)
    .max(1024)
    .default(50)
    .describe('Width of the word embedding; must be that of the vectors where vectors are given.'),
  embeddingTrainable: z.boolean().default(true).describe('Whether the word embedding learns.'),
  studentDropout: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('Dropout on the word embeddings and on the final state.'),
  studentPooling: z
    .enum(['final-states', 'attention'])
    .default('final-states')
    .describe(
      'What the student classifies: the final states of both directions, or the mean of all states weighted by an attention over its words.',
    ),
  attentionUnits: z
    .int()
    .min(1)
    .max(4096)
    .nullable()
    .default(null)
    .describe('Width of the hidden layer of the attention (studentPooling: attention); null: studentUnits.'),
  studentOptimizer: optimizerName.default('adam').describe('Optimizer of the student.'),
  studentLearningRate: learningRate.default(1e-3).describe('Learning rate of the student.'),
  studentWeightDecay: z.number().min(0).max(1).default(0).describe('Weight decay of the student.'),

  // Distillation
  loss: z
    .enum(['ce', 'kl', 'mse', 'reverse-kl', 'mse-probs', 'dkd', 'dist', 'logit-std', 'dixtill-kl'])
    .default('kl')
    .describe(
      'Distillation loss between student and teacher logits: soft cross-entropy (ce), Kullback-Leibler (kl; Hinton et al., 2015; reverse-kl as in MiniLLM, Gu et al., 2024), squared distance of logits (mse) or probabilities (mse-probs), decoupled (dkd; Zhao et al., 2022), correlations (dist; Huang et al., 2022), kl of standardised logits (logit-std; Sun et al., 2024), or 1 - exp(-kl) (dixtill-kl).',
    ),
  alpha: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Weight of the distillation loss; 1 - alpha weighs cross-entropy against the labels.'),
  temperature: z.number().positive().max(100).default(2).describe('Softens both distributions.'),
  temperatureScaling: z
    .boolean()
    .nullable()
    .default(null)
    .describe('Multiply the distillation loss by temperature² (in dixtill-kl: its kl); null: for every loss but mse.'),
  dkdTargetWeight: weight.default(1).describe('Weight of the target class in the dkd loss; 1 as in its paper.'),
  dkdNonTargetWeight: weight
    .default(8)
    .describe('Weight of the other classes in the dkd loss; its paper takes 1 to 8, mostly 8.'),
  dkdWarmupShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('Share of all steps over which the dkd loss rises linearly from 0; its paper: 20 of 240 epochs.'),
  distInterWeight: weight
    .default(1)
    .describe('Weight of the correlation between classes, example by example, in the dist loss; 1 as in its paper.'),
  distIntraWeight: weight
    .default(1)
    .describe('Weight of the correlation between examples, class by class, in the dist loss; 1 as in its paper.'),
  logitsOverTemperature: z.boolean().default(false).describe('Divide the logits by the temperature in the mse loss.'),

  // Imitation of the inside of a teacher
  hintWeight: weight
    .default(1)
    .describe(
      "Weight of the imitation of the teacher's states beside distillation and cross-entropy. By method: pkd 100, tinybert 1, distilbert 0.5.",
    ),
  patientLayers: z
    .enum(['skip', 'last'])
    .default('skip')
    .describe(
      'Layers of the teacher whose [CLS] pkd imitates: every second, or as many right below the last. skip is the better one in its paper.',
    ),
  attributionSteps: z
    .int()
    .min(20)
    .max(1000)
    .default(20)
    .describe(
      'Points on the line along which dixtill integrates the gradients of the teacher; a row whose attributions do not add up is done again with 4 and 16 times as many.',
    ),

  // Teacher
  teacherOptimizer: optimizerName.default('adamw').describe('Optimizer of the teacher (meta methods, fine-tuning).'),
  teacherLearningRate: learningRate
    .default(1e-5)
    .describe('Learning rate of the teacher. By method: 1e-5 full, 1e-4 LoRA, fine-tuning 5e-5 full and 5e-4 LoRA.'),
  teacherWeightDecay: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe(
      'Weight decay of the teacher, on matrices only: biases and layer norms are left out, as is usual for BERT.',
    ),
  teacherDropout: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('Dropout in the teacher while it is fine-tuned; in every other method it is in evaluation mode.'),
  peft: z
    .enum(['lora', 'dora', 'bitfit', 'adapters', 'prefix'])
    .default('lora')
    .describe(
      'What of the teacher learns in the methods that end in "-lora". `lora`: low-rank additions to matrices; `dora`: these, and the length of every row of the sum; `bitfit`: the biases; `adapters`: a bottleneck after attention and one after the feed-forward part; `prefix`: keys and values before those of the text, which change what the teacher says even before they have learnt.',
    ),
  loraRank: z.int().min(1).max(1024).default(16).describe('Rank of the LoRA matrices (lora, dora).'),
  loraAlpha: z.number().positive().max(4096).default(16).describe('LoRA scale is loraAlpha / loraRank (lora, dora).'),
  loraRankStabilised: z
    .boolean()
    .default(false)
    .describe('rsLoRA: the scale is loraAlpha / √loraRank, so that a higher rank does not learn more slowly.'),
  loraPlusRatio: z
    .number()
    .positive()
    .max(1024)
    .default(1)
    .describe('LoRA+: learning rate of the matrices B over that of all else (lora, dora); its authors take 16.'),
  loraTargets: z
    .array(z.enum(['query', 'key', 'value', 'attention-output', 'intermediate', 'output']))
    .min(1)
    .refine((targets) => new Set(targets).size === targets.length, 'names a target twice')
    .default(['query', 'key', 'value'])
    .describe('Projections that get LoRA matrices (lora, dora).'),
  loraLayers: z
    .array(z.int().min(0).max(255))
    .min(1)
    .refine((layers) => new Set(layers).size === layers.length, 'names a layer twice')
    .nullable()
    .default(null)
    .describe('Encoder layers in which something learns, whatever `peft` is, from 0 at the embedding; null: all.'),
  adapterSize: z.int().min(1).max(4096).default(64).describe('Width of the bottleneck (adapters).'),
  prefixLength: z.int().min(1).max(512).default(8).describe('Keys and values before those of the text (prefix).'),

  // Meta step
  pilotOptimizer: z
    .enum(['sgd', 'rmsprop', 'adam'])
    .default('sgd')
    .describe('Optimizer of the pilot update, from which the teacher learns; its state is not kept for sgd.'),
  pilotLearningRate: learningRate
    .default(pilotLearningRates.sgd)
    .describe(
      'Learning rate of the pilot update. By pilotOptimizer: 0.05 for sgd; 0.001 for rmsprop and adam, whose first steps move every weight by 10 times and once this rate.',
    ),
  normaliseMetaGradient: z
    .boolean()
    .default(true)
    .describe(
      'Scale the meta-gradient at the teacher logits to norm 1, so that the pilot learning rate does not meet the epsilon of an Adam-type teacher optimizer.',
    ),
  evaluateTeacher: z
    .enum(['ends', 'epochs'])
    .default('ends')
    .describe('Score the teacher on dev and test before and after training, or after every epoch.'),
  // Compression
  sparsity: z
    .number()
    .min(0)
    .max(0.99)
    .default(0.5)
    .describe('Share of the weights that magnitude pruning sets to 0; 2:4 always takes a half.'),
  pruningScope: z
    .enum(['matrix', 'global', 'row', '2:4'])
    .default('matrix')
    .describe(
      'Which weights magnitude pruning compares: those of a `matrix`, all (`global`), those that lead to one output (`row`), or each four neighbouring inputs of an output, of which the two smallest go (`2:4`).',
    ),
});

/** The hyper-parameters of a run, all resolved. */
export type Parameters = z.output<typeof parametersSchema>;

/** Any subset of the hyper-parameters, as a user gives them. */
export type ParameterOverrides = z.input<typeof parametersSchema>;

export type ParameterName = keyof Parameters;
