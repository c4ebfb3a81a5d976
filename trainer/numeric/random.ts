import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/**
 * A stream of random numbers that is named by a seed and a key, so that nothing of it needs to be stored: a resumed
 * run asks for `randomStream(seed, 'step', 812)` and gets what the first attempt got.
 */
export interface RandomStream {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Uniform among 0 .. bound - 1; throws a RangeError unless bound is an integer from 1 to 2^32. */
  integerBelow(bound: number): number;
  /** Permutes `items` in place, every order equally likely (Fisher-Yates). */
  shuffle<T extends unknown[] | Int32Array>(items: T): T;
  /** Fills `values` with uniform numbers in [low, high), 24 bits each. */
  fillUniform(values: Float32Array, low?: number, high?: number): Float32Array;
  fillNormal(values: Float32Array, mean?: number, standardDeviation?: number): Float32Array;
  /** Fills `values` with 0 (with probability `rate`) and 1 / (1 - rate): a factor that keeps the expected value. */
  fillDropoutMask(values: Float32Array, rate: number): Float32Array;
  /** The stream whose key is this one's with `key` appended. Independent of how much of this stream was used. */
  substream(...key: StreamKey): RandomStream;
}

export type StreamKey = readonly (string | number)[];

/**
 * The random stream of a seed and a key, by xoroshiro128+ (Blackman and Vigna, 2018). Its 128 bits of state are the head of
 * SHA-256 over seed and key, so streams of neighbouring keys share nothing. Measured on one busy core: 8 to 18 ns a
 * uniform number or dropout factor (a hand-inlined xoshiro128** was no faster), 110 ns a normal, 16 us a new stream.
 *
 * @param seed the run's seed, any finite number.
 * @param key what the numbers are for, e.g. `('epoch', 3, 'order')`; ('a', 1) and ('a', '1') are different streams.
 */
export function randomStream(seed: number, ...key: StreamKey): RandomStream {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...key]))
    .digest();
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)));
  // A multiple of 2^-24, so that rounding to float32 never gives 1. The sum's upper bits are the better ones.
  const uniform24 = () => (generator.next() >>> 8) * 2 ** -24;

  let spare: number | null = null;
  /** Marsaglia's polar method: two normals from a point in the unit disc; the second waits for the next call. */
  const normal = () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    for (;;) {
      const x = 2 * uniformFloat64(generator) - 1;
      const y = 2 * uniformFloat64(generator) - 1;
      const squared = x * x + y * y;
      if (squared >= 1 || squared === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(squared)) / squared);
      spare = y * factor;
      return x * factor;
    }
  };
  const integerBelow = (bound: number) => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32)
      throw new RangeError(`integerBelow(${bound}): the bound must be an integer from 1 to 2^32`);
    return uniformInt(generator, 0, bound - 1);
  };

  return {
    uniform: () => uniformFloat64(generator),
    normal,
    integerBelow,
    shuffle: (items) => {
      for (let i = items.length - 1; i > 0; i--) {
        const j = integerBelow(i + 1);
        [items[i], items[j]] = [items[j]!, items[i]!];
      }
      return items;
    },
    fillUniform: (values, low = 0, high = 1) => {
      for (let i = 0; i < values.length; i++) values[i] = low + (high - low) * uniform24();
      return values;
    },
    fillNormal: (values, mean = 0, standardDeviation = 1) => {
      for (let i = 0; i < values.length; i++) values[i] = mean + standardDeviation * normal();
      return values;
    },
    fillDropoutMask: (values, rate) => {
      if (!(rate >= 0 && rate < 1)) throw new RangeError(`fillDropoutMask: the rate must be in [0, 1), not ${rate}`);
      const kept = 1 / (1 - rate);
      for (let i = 0; i < values.length; i++) values[i] = uniform24() < rate ? 0 : kept;
      return values;
    },
    substream: (...more) => randomStream(seed, ...key, ...more),
  };
}
