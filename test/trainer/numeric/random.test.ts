import { randomStream } from '../../../trainer/numeric/random';

/** Mean of f over `count` draws. */
const meanOf = (count: number, f: () => number): number => {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += f();
  return sum / count;
};

describe('a random stream', () => {
  // xoroshiro128+ in Python integers, state s0 = d[0..3] << 32 | d[4..7], s1 likewise, of hashlib.sha256('[7,"step",3]'),
  // words little-endian; out = (s0 + s1) mod 2^32.
  it('gives the numbers that an implementation in Python integers gives', () => {
    const stream = randomStream(7, 'step', 3);
    expect([stream.uniform(), stream.uniform(), stream.uniform()]).toEqual([
      0.05230580784173078, 0.6023465835392743, 0.6046168236624849,
    ]);
    expect([...randomStream(7, 'step', 3).fillUniform(new Float32Array(3))]).toEqual([
      0.20394223928451538, 0.4795268774032593, 0.11878663301467896,
    ]);
    const normals = randomStream(7, 'step', 3);
    expect(normals.normal()).toBeCloseTo(-0.5685202566131626, 14);
    expect(normals.normal()).toBeCloseTo(0.1299684180773529, 14);
    expect(normals.normal()).toBeCloseTo(0.046552982567444244, 14);
  });

  it('is named by seed and key, whatever was drawn before', () => {
    const used = randomStream(1, 'epoch');
    used.uniform();
    expect(used.substream(4, 'order').uniform()).toBe(randomStream(1, 'epoch', 4, 'order').uniform());
  });

  it('differs where the seed, a part of the key, the type of a part or the division into parts differs', () => {
    const first = [
      randomStream(1, 'a', 1),
      randomStream(2, 'a', 1),
      randomStream(1, 'a', 2),
      randomStream(1, 'a', '1'),
      randomStream(1, 'a1'),
      randomStream(1, 'a'),
    ].map((stream) => stream.uniform());
    expect(new Set(first).size).toBe(first.length);
  });

  // Bounds are 5 standard errors: a right generator fails one in 1.7 million seeds, and this seed is fixed.
  it('is uniform: mean, variance, tenths and neighbours', () => {
    const n = 200_000;
    const values = randomStream(3, 'uniform').fillUniform(new Float32Array(n));
    let index = 0;
    expect(Math.abs(meanOf(n, () => values[index++]!) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    const tenths = new Array<number>(10).fill(0);
    for (const value of values) tenths[Math.floor(value * 10)]! += 1;
    const chiSquared = tenths.reduce((sum, count) => sum + (count - n / 10) ** 2 / (n / 10), 0);
    expect(chiSquared).toBeLessThan(33.7); // 9 degrees of freedom, p = 1e-4
    index = 0;
    const lagged = meanOf(n - 1, () => (values[index]! - 0.5) * (values[++index]! - 0.5));
    expect(Math.abs(lagged)).toBeLessThan((5 * (1 / 12)) / Math.sqrt(n));
  });

  it('has no correlation between streams of neighbouring keys', () => {
    const n = 20_000;
    let step = 0;
    const product = () =>
      (randomStream(0, 'step', step).uniform() - 0.5) * (randomStream(0, 'step', ++step).uniform() - 0.5);
    expect(Math.abs(meanOf(n, product))).toBeLessThan((5 * (1 / 12)) / Math.sqrt(n));
  });

  it('gives normals with moments 0, 1, 0, 3', () => {
    const n = 200_000;
    const values = randomStream(5, 'normal').fillNormal(new Float32Array(n));
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  });

  it('scales what it fills with: uniform in a range, normal with mean and deviation', () => {
    const uniform = randomStream(5).fillUniform(new Float32Array(10_000), -0.5, 0.25);
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(-0.5);
    expect(Math.min(...uniform)).toBeLessThan(-0.499);
    expect(Math.max(...uniform)).toBeLessThanOrEqual(0.25);
    expect(Math.max(...uniform)).toBeGreaterThan(0.249);
    const normal = randomStream(5).fillNormal(new Float32Array(10_000), 3, 0.1);
    expect(normal.reduce((sum, value) => sum + value, 0) / 10_000).toBeCloseTo(3, 2);
  });

  it('makes dropout masks that keep the expected value', () => {
    const n = 100_000;
    const mask = randomStream(9, 'dropout').fillDropoutMask(new Float32Array(n), 0.2);
    expect(new Set(mask)).toEqual(new Set([0, 1.25]));
    const dropped = mask.filter((factor) => factor === 0).length / n;
    expect(Math.abs(dropped - 0.2)).toBeLessThan(5 * Math.sqrt((0.2 * 0.8) / n));
    expect(new Set(randomStream(9).fillDropoutMask(new Float32Array(100), 0))).toEqual(new Set([1]));
  });

  it('shuffles so that each order is equally likely', () => {
    const counts = new Map<string, number>();
    const n = 24_000;
    for (let i = 0; i < n; i++) {
      const order = randomStream(11, i).shuffle([0, 1, 2, 3]).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - n / 24) ** 2 / (n / 24), 0);
    expect(chiSquared).toBeLessThan(57); // 23 degrees of freedom, p = 1e-4
    expect([...randomStream(1).shuffle(Int32Array.of(5, 6, 7))].sort()).toEqual([5, 6, 7]);
  });

  it('refuses bounds and rates that make no sense', () => {
    expect(() => randomStream(1).integerBelow(0)).toThrow(
      'integerBelow(0): the bound must be an integer from 1 to 2^32',
    );
    expect(() => randomStream(1).integerBelow(1.5)).toThrow(RangeError);
    expect(() => randomStream(1).fillDropoutMask(new Float32Array(1), 1)).toThrow('must be in [0, 1), not 1');
  });
});
