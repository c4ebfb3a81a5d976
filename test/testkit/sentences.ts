import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '../../trainer/numeric/random';

const subjects = ['profits', 'sales', 'orders', 'margins', 'costs', 'debts', 'losses', 'claims'];
const isGood = (subject: string) => subjects.indexOf(subject) < 4;
const ups = ['rise', 'grow', 'climb', 'jump'];
const downs = ['fall', 'shrink', 'drop', 'slide'];
const fillers = ['today', 'again', 'this year', 'at acme', 'at globex', 'in europe', 'said the board'];

/**
 * Sentences of two classes whose class no single word tells: "costs fall" is good, "profits fall" bad, and "do not" turns either
 * around. Labels alternate, so that any number of rows is balanced.
 */
export function sentences(count: number, seed: number): { text: string; label: string }[] {
  const random = randomStream(seed, 'sentences');
  const pick = (words: readonly string[]) => words[random.integerBelow(words.length)]!;
  const rows: { text: string; label: string }[] = [];
  while (rows.length < count) {
    const subject = pick(subjects);
    const rises = random.uniform() < 0.5;
    const negated = random.uniform() < 0.3;
    const label = (isGood(subject) === rises) !== negated ? 'good' : 'bad';
    if (label !== (rows.length % 2 === 0 ? 'good' : 'bad')) continue;
    const words = [subject, ...(negated ? ['do not'] : []), pick(rises ? ups : downs), pick(fillers)];
    rows.push({ text: words.join(' '), label });
  }
  return rows;
}

/** Writes a train and a test file of generated sentences, and gives their paths. */
export function writeSentenceFiles(
  folder: string,
  rows: { train: number; test: number },
): { train: string; test: string } {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, count: number, seed: number): string => {
    const path = join(folder, name);
    const lines = sentences(count, seed).map(({ text, label }) => `${text},${label}`);
    writeFileSync(path, `text,label\n${lines.join('\n')}\n`);
    return path;
  };
  return { train: write('train.csv', rows.train, 1), test: write('test.csv', rows.test, 2) };
}
