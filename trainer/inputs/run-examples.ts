import { type Checked, type RunSpec, splitSeedOf } from '../../contract/run-spec';
import type { Examples } from '../data/batches';
import type { DataSet, LabelledTexts } from '../data/dataset';
import { type Splits, splitRows } from '../data/splits';
import type { Model } from '../models/model';
import { encodeAligned, encodeTexts } from '../tokenizers/encoder';
import { preprocess } from '../tokenizers/preprocess';
import { usedSplit } from './learnt-rows';

/** The texts of a run as its models read them, and which rows are used for what. */
export interface RunTexts {
  train: LabelledTexts;
  test: LabelledTexts;
  splits: Splits;
  /** Texts of the rows the run trains on: what shapes vocabularies. */
  trainTexts: string[];
}

/** Cleans the texts and splits the train rows. */
export function prepareTexts(spec: RunSpec, data: DataSet): Checked<RunTexts> {
  const { parameters } = spec;
  const splits = splitRows(data.train.labels, data.classes, usedSplit(spec), splitSeedOf(spec));
  if (splits.kind === 'invalid') return splits;
  const clean = ({ texts, labels }: LabelledTexts): LabelledTexts => ({
    texts: texts.map((text) => preprocess(text, parameters.preprocessing)),
    labels,
  });
  const train = clean(data.train);
  const trainTexts = Array.from(splits.value.train, (row) => train.texts[row]!);
  return { kind: 'valid', value: { train, test: clean(data.test), splits: splits.value, trainTexts } };
}

export type RunExamples = Readonly<Record<'train' | 'quiz' | 'dev' | 'test', Examples>>;

/** Encodes every row that is used, for the models that read it. @param alignsWords whether the two are compared word by word */
export function encodeExamples(
  { train, test, splits }: RunTexts,
  student: Model | null,
  teacher: Model | null,
  alignsWords: boolean,
): RunExamples {
  const examples = ({ texts, labels }: LabelledTexts, rows: Int32Array): Examples => {
    const used = Array.from(rows, (row) => texts[row]!);
    const ofRows = { rows, labels: rows.map((row) => labels[row]!) };
    if (student && teacher && alignsWords) {
      const { alignment, ...inputs } = encodeAligned(student.encoder, teacher.encoder, used);
      return { ...ofRows, inputs, alignment };
    }
    const inputs = {
      student: student && encodeTexts(student.encoder, used),
      teacher: teacher && encodeTexts(teacher.encoder, used),
    };
    return { ...ofRows, inputs };
  };
  return {
    train: examples(train, splits.train),
    quiz: examples(train, splits.quiz),
    dev: examples(train, splits.dev),
    test: examples(test, Int32Array.from(test.labels.keys())),
  };
}
