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

const dataDirectory = 'data/demo';

const usage = `Runs a whole experiment through the GraphQL API: the fine-tuning of a teacher, then students by each method over seeds.

  npm run demo                                    a quick look: real data from the Hugging Face hub where it can be
                                                  reached, else generated sentences in which context matters
  npm run demo -- --data FOLDER --teacher FOLDER  your own data and encoder

  --data PLACE         folder with a train and a test (or valid) file, .csv or .jsonl; "hub"; or "generated"
  --teacher PLACE      Hugging Face folder of a BERT encoder, or hf:owner/name; without it a small random one
  --vectors FILE       word vectors in GloVe format for the student
  --methods LIST       of scratch, kd, meta-full, meta-lora; with commas between [all four]
  --seeds N            runs of each method, seeds 0 to N - 1 [3]
  --epochs N           epochs of the students
  --teacher-epochs N   epochs of the teacher's fine-tuning
  --set NAME=VALUE     any hyper-parameter of the students, as JSON or text; may be repeated
  --name TEXT          name of the experiment
${serverUsage(dataDirectory)}`;

const optionsSchema = z.strictObject({
  data: z.string().min(1).optional(),
  teacher: location.optional(),
  methods: commaList
    .pipe(z.array(z.enum(['scratch', 'kd', 'meta-full', 'meta-lora'])).min(1))
    .default(['scratch', 'kd', 'meta-full', 'meta-lora']),
  ...runOptions(3),
  ...serverOptions(dataDirectory),
});
export type Options = z.output<typeof optionsSchema>;

/** Reads the command line; whatever is wrong with it is said at once. */
export const readOptions = (words: readonly string[]): ReadOptions<Options> => readWords(words, optionsSchema, usage);
