import { z } from 'zod';
import {
  commaList,
  location,
  type ReadOptions,
  readWords,
  runOptions,
  serverOptions,
  serverUsage,
} from '../client/options';
import { presetNames, presets } from '../contract/presets';

const dataDirectory = 'data';

const usage = `Runs one of the thesis's experiments on your data and teacher, and shows its outcome beside the thesis's figures.

  npm run experiment -- E4 --data FOLDER --teacher FOLDER

${presetNames.map((name) => `  ${name.padEnd(21)}${presets[name].title}: ${presets[name].question}`).join('\n')}

  --data FOLDER        folder with a train and a test (or valid) file, .csv or .jsonl; also s3://bucket/folder
  --teacher PLACE      Hugging Face folder of a BERT encoder, also s3://bucket/folder, or hf:owner/name; it is
                       fine-tuned first
  --vectors FILE       word vectors in GloVe format for the students
  --scale SHARE        a quick look: this share of the train rows and of the epochs [1, the full size]
  --methods LIST       names of the variants to run, with commas between [all]
  --seeds N            runs of each variant, seeds 0 to N - 1 [5]
  --epochs N           epochs of the students, in place of the preset's
  --teacher-epochs N   epochs of the teacher's fine-tuning [4]
  --plan               say how many runs there would be and how long, by earlier runs, and launch nothing
  --set NAME=VALUE     any hyper-parameter of the students, as JSON or text; may be repeated
  --name TEXT          name of the experiment
${serverUsage(dataDirectory)}`;

const share = 'must be a number above 0 and at most 1';
const optionsSchema = z.strictObject({
  preset: z.enum(presetNames, { error: `must be one of ${presetNames.join(', ')}` }),
  data: location,
  teacher: location,
  scale: z.coerce.number({ error: share }).positive({ error: share }).max(1, { error: share }).default(1),
  methods: commaList.optional(),
  plan: z.boolean().default(false),
  ...runOptions(5),
  ...serverOptions(dataDirectory),
});
export type Options = z.output<typeof optionsSchema>;

/** Reads the command line; whatever is wrong with it is said at once. */
export const readOptions = (words: readonly string[]): ReadOptions<Options> =>
  readWords(words, optionsSchema, usage, 'preset');
