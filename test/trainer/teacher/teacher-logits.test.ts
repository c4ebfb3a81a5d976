import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Examples } from '../../../trainer/data/batches';
import type { Classifier } from '../../../trainer/models/model';
import { keptOutputs } from '../../../trainer/teacher/kept-outputs';
import { teacherLogitsCache } from '../../../trainer/teacher/teacher-logits';
import { sequenceTable } from '../../../trainer/tokenizers/sequences';
import { useEngine } from '../../testkit/engines';
import { useTestFolder } from '../../testkit/test-folder';

const folder = useTestFolder();
const examples: Examples = {
  rows: Int32Array.from([0, 1, 2]),
  labels: Int32Array.from([0, 1, 0]),
  inputs: {
    student: null,
    teacher: sequenceTable([
      [1, 5, 2],
      [1, 2],
      [1, 9, 9, 2],
    ]),
  },
};
const otherTokens = (sequences: number[][]): Examples => ({
  ...examples,
  inputs: { student: null, teacher: sequenceTable(sequences) },
});
let passes = 0;
/** Logits (number of tokens, weight): known without computing. */
const classifier: Classifier = ({ inputs }) => {
  passes += 1;
  return ({ weight }) => tf.tensor2d(Array.from(inputs.teacher!.lengths, (length) => [length, weight!.dataSync()[0]!]));
};
const cached = (weight: number, circumstances = 'engine 1', of = examples) => {
  const teacher = { classifier, weights: { weight: tf.scalar(weight) }, frozen: {}, circumstances };
  return teacherLogitsCache(teacher, folder.path()).of(of, new AbortController().signal);
};

beforeAll(() => useEngine('portable'));
beforeEach(() => {
  passes = 0;
});

describe('the logits of a frozen teacher', () => {
  const expected = [3, 7, 2, 7, 4, 7];

  it('are computed once, in the order of the examples', async () => {
    expect(Array.from((await cached(7))!)).toEqual(expected);
    expect(Array.from((await cached(7))!)).toEqual(expected);

    expect(passes).toBe(1);
  });

  it('are computed anew for other weights, another engine, other word pieces', async () => {
    await cached(7);
    await cached(8);
    await cached(7, 'engine 2');
    await cached(
      7,
      'engine 1',
      otherTokens([
        [1, 5, 2],
        [1, 2],
        [1, 9, 8, 2],
      ]),
    );
    // The same ids, cut elsewhere.
    await cached(
      7,
      'engine 1',
      otherTokens([
        [1, 5],
        [2, 1, 2],
        [1, 9, 9, 2],
      ]),
    );

    expect(passes).toBe(5);
    expect(readdirSync(join(folder.path(), 'teacher-logits'))).toHaveLength(5);
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 3)],
    ['changed in one bit', (bytes: Buffer) => bytes.fill(bytes.at(-1)! ^ 1, bytes.length - 1)],
  ])('are computed anew where the file was %s', async (_, damage) => {
    await cached(7);
    const [name] = readdirSync(join(folder.path(), 'teacher-logits'));
    const path = join(folder.path(), 'teacher-logits', name!);
    writeFileSync(path, damage(readFileSync(path)));

    expect(Array.from((await cached(7))!)).toEqual(expected);

    expect(passes).toBe(2);
    await cached(7);
    expect(passes).toBe(2);
  });

  it('are null, and nothing is kept, where computing was interrupted', async () => {
    const teacher = { classifier, weights: { weight: tf.scalar(7) }, frozen: {}, circumstances: null };

    expect(await teacherLogitsCache(teacher, folder.path()).of(examples, AbortSignal.abort())).toBeNull();

    expect(readdirSync(folder.path())).toEqual([]);
  });

  it('take no more room than they may: what was read longest ago goes first', async () => {
    const teacher = (weight: number) => ({
      classifier,
      weights: { weight: tf.scalar(weight) },
      frozen: {},
      circumstances: '',
    });
    const rows = { rows: 3, values: new Float32Array(300) };
    const size = 300 * 4;
    let computed = 0;
    // Room for two of them and their headers.
    const keep = (weight: number) =>
      keptOutputs(teacher(weight), folder.path(), 2.9 * size).of({ folder: 'teacher-states' }, examples, async () => {
        computed += 1;
        return { states: rows };
      });
    const path = join(folder.path(), 'teacher-states');
    const ages = () => {
      for (const [place, name] of readdirSync(path).entries()) utimesSync(join(path, name), place + 1, place + 1);
    };
    await keep(1);
    await keep(2);
    ages();
    // The first is read: it is the newest then.
    await keep(1);
    await keep(3);
    expect(readdirSync(path)).toHaveLength(2);
    expect(computed).toBe(3);
    await keep(1);
    expect(computed).toBe(3);
    await keep(2);
    expect(computed).toBe(4);
  });
});
