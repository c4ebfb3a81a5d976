import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export const labels = ['Bearish', 'Bullish', 'Neutral'] as const;
export type Label = (typeof labels)[number];
export interface Sentence {
  text: string;
  label: Label;
}

const goodWhenUp = ['profits', 'revenue', 'sales', 'margins', 'orders'];
const badWhenUp = ['costs', 'debt', 'losses', 'layoffs', 'defaults'];
/** Base form and past tense. */
const up = ['rise rose', 'climb climbed', 'grow grew', 'jump jumped'];
const down = ['fall fell', 'drop dropped', 'slide slid', 'shrink shrank'];
const companies = [
  'acme',
  'borealis',
  'cobalt',
  'delmar',
  'everline',
  'foxglove',
  'granite',
  'halcyon',
  'ironwood',
  'juniper',
];
const times = [
  'in the first quarter',
  'this year',
  'in may',
  'after the merger',
  'on monday',
  'despite the strike',
  'overnight',
];
const expected = ['analysts expected', 'the street had feared', 'the board had promised', 'investors hoped'];

interface Movement {
  noun: string;
  base: string;
  past: string;
  good: boolean;
}

/**
 * Made-up market news in which single words say little: "costs fall" is good where "profits fall" is bad, a negation
 * turns a movement round, and of two movements only the one in the main clause counts.
 *
 * @param count sentences to make
 * @param labelNoise share of sentences that get a label drawn at random, as careless annotators would give
 * @param seed the same seed gives the same sentences
 */
export function makeSentences(count: number, labelNoise: number, seed: number): Sentence[] {
  const generator = xoroshiro128plus(seed);
  const pick = <T>(from: readonly T[]): T => from[uniformInt(generator, 0, from.length - 1)]!;
  const chance = (probability: number): boolean => uniformFloat64(generator) < probability;

  const movement = (): Movement => {
    const [goodNoun, rises] = [chance(0.7), chance(0.5)];
    const [base, past] = pick(rises ? up : down).split(' ') as [string, string];
    return { noun: pick(goodNoun ? goodWhenUp : badWhenUp), base, past, good: goodNoun === rises };
  };
  const outlook = (good: boolean): Label => (good ? 'Bullish' : 'Bearish');

  const forms: (() => Sentence)[] = [
    () => {
      const { noun, past, good } = movement();
      return { text: `${pick(companies)} ${noun} ${past} ${pick(times)}`, label: outlook(good) };
    },
    () => {
      const { noun, base, good } = movement();
      const denial = pick(['did not', 'failed to', 'no longer']);
      return { text: `${pick(companies)} ${noun} ${denial} ${base} ${pick(times)}`, label: outlook(!good) };
    },
    () => {
      const [feared, real] = [movement(), movement()];
      return {
        text: `${pick(expected)} ${feared.noun} to ${feared.base} but ${pick(companies)} ${real.noun} ${real.past}`,
        label: outlook(real.good),
      };
    },
    () => {
      const [main, aside] = [movement(), movement()];
      return {
        text: `${pick(companies)} ${main.noun} ${main.past} although ${aside.noun} ${aside.past} ${pick(times)}`,
        label: outlook(main.good),
      };
    },
    () => {
      const { noun, base } = movement();
      return { text: `will ${pick(companies)} ${noun} ${base} ${pick(times)} ?`, label: 'Neutral' };
    },
    () => {
      const { noun, past } = movement();
      return { text: `${pick(companies)} will not say whether ${noun} ${past} ${pick(times)}`, label: 'Neutral' };
    },
  ];

  return Array.from({ length: count }, () => {
    const sentence = pick(forms)();
    return chance(labelNoise) ? { ...sentence, label: pick(labels) } : sentence;
  });
}

/** The sentences as a CSV file with the columns `text` and `label`; no field needs quoting. */
export function toCsv(sentences: readonly Sentence[]): string {
  return ['text,label', ...sentences.map(({ text, label }) => `${text},${label}`), ''].join('\n');
}
