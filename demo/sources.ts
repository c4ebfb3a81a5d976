import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findData, requireInputs } from '../client/data-folder';
import type { Options } from './options';
import { makeSentences, toCsv } from './sentences';

/** What an experiment is made on, in the words of the API's input. */
export interface Sources {
  /** For a person: where data and teacher come from, and what was left out. */
  description: string[];
  data: { train: string; test: string };
  teacher: { folder: string } | { random: { layers: number; hidden: number; heads: number; intermediate: number } };
  /** Of all variants, the teacher's fine-tuning included. */
  dataParameters: Record<string, unknown>;
  studentParameters: Record<string, unknown>;
  teacherParameters: Record<string, unknown>;
}

const hubData = 'zeroshot/twitter-financial-news-sentiment';
/** BERT-tiny: small enough for four methods over three seeds within minutes on a processor. */
const hubTeacher = 'google/bert_uncased_L-2_H-128_A-2';
const hubFiles = [
  `datasets/${hubData}/resolve/main/sent_train.csv`,
  `datasets/${hubData}/resolve/main/sent_valid.csv`,
  `${hubTeacher}/resolve/main/config.json`,
  `${hubTeacher}/resolve/main/vocab.txt`,
  `${hubTeacher}/resolve/main/model.safetensors`,
];
const hubTimeoutMilliseconds = 4000;
const smallRandomTeacher = { layers: 2, hidden: 128, heads: 4, intermediate: 512 };

/** Real data where it is given or can be had; generated sentences otherwise. */
export async function chooseSources(options: Options): Promise<Sources> {
  if (options.data !== undefined && options.data !== 'hub' && options.data !== 'generated')
    return givenSources(options.data, options);
  await requireInputs(options);
  if (options.data === 'hub') return hubSources();
  if (options.data === undefined && options.teacher === undefined && (await hubAnswers())) return hubSources();
  return generatedSources(options);
}

async function givenSources(folder: string, options: Options): Promise<Sources> {
  const { teacher } = options;
  return {
    description: [
      `data: ${resolve(folder)}`,
      `teacher: ${teacher ?? 'a small random encoder (give one with --teacher)'}`,
    ],
    data: await findData(folder, options),
    teacher: teacher === undefined ? { random: smallRandomTeacher } : { folder: teacher },
    dataParameters: {},
    studentParameters: {},
    teacherParameters: teacher === undefined ? { teacherLearningRate: 1e-3 } : {},
  };
}

/** A share of the rows, so that the demo stays within minutes on a processor. */
function hubSources(): Sources {
  return {
    description: [
      `data: Twitter financial news sentiment, from the hub (${hubData}); half of the train rows, to stay within minutes`,
      `teacher: ${hubTeacher}, from the hub`,
    ],
    data: { train: `hf:${hubData}/sent_train.csv`, test: `hf:${hubData}/sent_valid.csv` },
    teacher: { folder: `hf:${hubTeacher}` },
    dataParameters: { trainShare: 0.5 },
    studentParameters: { epochs: 6 },
    teacherParameters: { epochs: 4, teacherLearningRate: 2e-4 },
  };
}

/**
 * Two thousand sentences are few enough that a student alone is not done with them after some epochs, and enough for a
 * small transformer to learn what they hold: there is something to teach.
 */
async function generatedSources(options: Options): Promise<Sources> {
  const folder = join(options['data-directory'], 'generated');
  const [train, test] = [join(folder, 'train.csv'), join(folder, 'test.csv')];
  await mkdir(folder, { recursive: true });
  await writeFile(train, toCsv(makeSentences(2400, 0.1, 1)));
  await writeFile(test, toCsv(makeSentences(1000, 0, 2)));
  return {
    description: [
      `data: generated sentences in which context matters (${folder}); a tenth of the train labels are drawn at random, none of the test labels`,
      `teacher: ${options.teacher ?? `a random transformer, ${smallRandomTeacher.layers} layers of ${smallRandomTeacher.hidden}, fine-tuned first`}`,
      'for real data: --data FOLDER --teacher FOLDER',
    ],
    data: { train, test },
    teacher: options.teacher === undefined ? { random: smallRandomTeacher } : { folder: options.teacher },
    dataParameters: {},
    studentParameters: { epochs: 4, studentLearningRate: 2e-3 },
    teacherParameters: { epochs: 10, teacherLearningRate: 1e-3 },
  };
}

/** Whether all that the demo needs is there for the asking. */
async function hubAnswers(): Promise<boolean> {
  const isThere = async (path: string) => {
    const signal = AbortSignal.timeout(hubTimeoutMilliseconds);
    return (await fetch(`https://huggingface.co/${path}`, { method: 'HEAD', signal })).ok;
  };
  try {
    return (await Promise.all(hubFiles.map(isThere))).every(Boolean);
  } catch {
    return false;
  }
}
