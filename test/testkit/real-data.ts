import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Folder of real data and models: `STILLHOUSE_TEST_DATA`, else `shared/data` beside the repository. */
const folder = resolve(process.env.STILLHOUSE_TEST_DATA ?? join(__dirname, '../../../shared/data'));

export const realData = {
  twitterTrain: join(folder, 'twitter-financial-news-sentiment/sent_train.csv'),
  twitterTest: join(folder, 'twitter-financial-news-sentiment/sent_valid.csv'),
  minilm: join(folder, 'minilm-l6-uncased'),
  bertVocabulary: join(folder, 'bert-uncased-vocab/vocab.txt'),
  glove: join(folder, 'glove/glove.6B.50d.merged-7844.txt'),
} as const;

/** Tests that need real data: skipped, with the reason in their name, where the folder is not there. */
export function describeWithRealData(name: string, tests: () => void): void {
  const missing = Object.values(realData).filter((path) => !existsSync(path));
  if (missing.length === 0) describe(name, tests);
  else describe.skip(`${name} (skipped: no ${missing[0]}; set STILLHOUSE_TEST_DATA)`, tests);
}
