import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { breathe, outOfBreath } from '../../shared/breathe';

/** Resamples of the bootstrap, of rows and of seeds alike. */
export const resamples = 2000;
/** The same rows give the same interval. */
const [rowSeed, seedSeed] = [2, 3];

/**
 * How often each row was drawn in each resample of n rows, as bits: the count of a row in three planes, 32 rows a word.
 * A score of a resample is then a count of bits, some twenty times faster than a sum over rows.
 */
export interface ResampledRows {
  rows: number;
  words: number;
  /** [resamples, words, 3]: ones, twos and fours of the counts. */
  planes: Uint32Array;
}

/** A row drawn more often does not fit the planes: its eighth draw (one of 100,000 rows has it) goes to another row. */
const mostDraws = 7;

/** Breathes: of 100,000 rows it takes seconds. */
export async function resampleRows(rows: number): Promise<ResampledRows> {
  const words = Math.ceil(rows / 32);
  const planes = new Uint32Array(resamples * words * 3);
  const draw = drawer(rowSeed);
  const counts = new Uint8Array(words * 32);
  for (let resample = 0; resample < resamples; resample++) {
    if (outOfBreath()) await breathe();
    counts.fill(0);
    for (let drawn = 0; drawn < rows; ) {
      const row = draw(rows);
      if (counts[row] === mostDraws) continue;
      counts[row]! += 1;
      drawn += 1;
    }
    for (let word = 0; word < words; word++) {
      const at = (resample * words + word) * 3;
      for (let bit = 0; bit < 32; bit++) {
        const count = counts[word * 32 + bit]!;
        planes[at]! |= (count & 1) << bit;
        planes[at + 1]! |= ((count >> 1) & 1) << bit;
        planes[at + 2]! |= (count >> 2) << bit;
      }
    }
  }
  return { rows, words, planes };
}

/** Some of n rows as bits, 32 rows a word: counting them is some twenty times faster than a loop over rows. */
export type RowBits = Int32Array;

export const noRows = (rows: number): RowBits => new Int32Array(Math.ceil(rows / 32));

export function addRow(bits: RowBits, row: number): void {
  bits[row >> 5]! |= 1 << (row & 31);
}

/** The rows that hold. */
export function rowBits(rows: number, holds: (row: number) => boolean): RowBits {
  const bits = noRows(rows);
  for (let row = 0; row < rows; row++) if (holds(row)) addRow(bits, row);
  return bits;
}

/** How many rows are in `bits` and not in `without`. */
export function countRows(bits: RowBits, without?: RowBits): number {
  let count = 0;
  for (let word = 0; word < bits.length; word++)
    count += sumOfBytes(bitsByByte(without === undefined ? bits[word]! : bits[word]! & ~without[word]!));
  return count;
}

/** Words that are counted without a pause, two milliseconds of work. */
const wordsAtATime = 500_000;

/** How many of the rows of `bits` each resample drew, a row as often as it was drawn: [resamples]. Breathes. */
export async function countDrawn(rows: ResampledRows, bits: RowBits): Promise<Int32Array> {
  const counts = new Int32Array(resamples);
  const first = bits.findIndex((word) => word !== 0);
  if (first === -1) return counts;
  const end = bits.findLastIndex((word) => word !== 0) + 1;
  const atATime = Math.ceil(wordsAtATime / (end - first));
  for (let start = 0; start < resamples; start += atATime) {
    if (outOfBreath()) await breathe();
    countWords(rows, bits, { first, end }, counts.subarray(start, start + atATime), start);
  }
  return counts;
}

/** Counts the words from `first` up to `end` in as many resamples as `counts` has places, from `start` on. */
function countWords(
  { words, planes }: ResampledRows,
  bits: RowBits,
  { first, end }: { first: number; end: number },
  counts: Int32Array,
  start: number,
): void {
  for (let resample = 0; resample < counts.length; resample++) {
    let count = 0;
    let at = ((start + resample) * words + first) * 3;
    for (let word = first; word < end; word++, at += 3) {
      const wanted = bits[word]!;
      const bytes =
        bitsByByte(planes[at]! & wanted) +
        (bitsByByte(planes[at + 1]! & wanted) << 1) +
        (bitsByByte(planes[at + 2]! & wanted) << 2);
      // At most 32 * 7.
      count += sumOfBytes(bytes);
    }
    counts[resample] = count;
  }
}

/** Seeds of each resample, n of n with replacement: [resamples, n]. */
export function resampleSeeds(n: number): Uint32Array {
  const draw = drawer(seedSeed);
  const seeds = new Uint32Array(resamples * n);
  for (let place = 0; place < seeds.length; place++) seeds[place] = draw(n);
  return seeds;
}

// Here and not in a module of their own: what is imported is not inlined, which makes counting three times slower.
/** Bits set in each byte of a word, side by side (Warren, Hacker's Delight, section 5-1). */
function bitsByByte(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return (fours + (fours >>> 4)) & 0x0f0f0f0f;
}

/** The sum of the four bytes of a word, at most 255: it lands in the highest. */
const sumOfBytes = (word: number): number => Math.imul(word, 0x01010101) >>> 24;

/** Whole numbers below n, from 32 random bits each: uneven by n / 2^32, a thousandth of what resampling leaves open. */
function drawer(seed: number): (n: number) => number {
  const generator = xoroshiro128plus(seed);
  return (n) => Math.floor(((generator.next() >>> 0) / 2 ** 32) * n);
}
