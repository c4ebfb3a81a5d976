import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Problem } from '../../contract/run-spec';

export const distributions = ['uniform', 'log-uniform', 'int', 'choice'] as const;

/** What is drawn for one hyper-parameter: a number from `low` to `high`, or one of `values`. */
export interface SearchDimension {
  parameter: string;
  distribution: (typeof distributions)[number];
  low?: number | null;
  high?: number | null;
  values?: unknown[] | null;
}

/** Points drawn at random from a space of hyper-parameters. */
export interface RandomSearch {
  samples: number;
  /** The same seed draws the same points. */
  seed: number;
  space: SearchDimension[];
}

export type Point = Record<string, unknown>;

/** Figures of a number that is drawn: enough for any hyper-parameter, and a name that can be read. */
const significantFigures = 4;

/**
 * The points of a search, in the order drawn. Every dimension is drawn for every point, so that what one
 * hyper-parameter gets does not depend on who reads the others.
 * @param search one that `randomSearchProblems` finds nothing wrong with
 */
export function drawPoints({ samples, seed, space }: RandomSearch): Point[] {
  const generator = xoroshiro128plus(seed);
  const draw = ({ distribution, low, high, values }: SearchDimension): unknown => {
    const [from, to] = [low ?? 0, high ?? 0];
    switch (distribution) {
      case 'uniform':
        return rounded(from + (to - from) * uniformFloat64(generator), from, to);
      case 'log-uniform':
        return rounded(from * (to / from) ** uniformFloat64(generator), from, to);
      case 'int':
        return uniformInt(generator, from, to);
      case 'choice':
        return values![uniformInt(generator, 0, values!.length - 1)];
    }
  };
  return Array.from({ length: samples }, () =>
    Object.fromEntries(space.map((dimension) => [dimension.parameter, draw(dimension)])),
  );
}

/** Rounding must not leave the range. */
const rounded = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, Number(value.toPrecision(significantFigures))));

const allowed = { samples: 500, values: 50, dimensions: 16 };

/** Everything wrong with a search apart from the names of its hyper-parameters and what these may be. */
export function randomSearchProblems({ samples, seed, space }: RandomSearch): Problem[] {
  const problems: Problem[] = [];
  const problem = (path: string, message: string) => problems.push({ path: `random.${path}`, message });
  if (!Number.isInteger(samples) || samples < 1 || samples > allowed.samples)
    problem('samples', `${samples} must be a whole number from 1 to ${allowed.samples}`);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    problem('seed', `${seed} must be a whole number from 0 to ${0xffffffff}`);
  if (space.length < 1 || space.length > allowed.dimensions)
    problem('space', `${space.length} hyper-parameters: give 1 to ${allowed.dimensions}`);
  space.forEach((dimension, place) => {
    for (const { path, message } of dimensionProblems(dimension)) problem(`space.${place}.${path}`, message);
    if (space.findIndex(({ parameter }) => parameter === dimension.parameter) < place)
      problem(`space.${place}.parameter`, `"${dimension.parameter}" is drawn already: give it once`);
  });
  return problems;
}

function dimensionProblems({ distribution, low, high, values }: SearchDimension): Problem[] {
  if (distribution === 'choice') {
    const count = values?.length ?? 0;
    return [
      ...(count < 1 || count > allowed.values
        ? [{ path: 'values', message: `${count} values: give 1 to ${allowed.values}` }]
        : []),
      ...(low != null || high != null
        ? [{ path: 'low', message: 'choice draws from values: leave out low and high' }]
        : []),
    ];
  }
  const whole = distribution === 'int' ? 'whole numbers' : 'numbers';
  const fits = (bound: number | null | undefined): bound is number =>
    bound != null && Number.isFinite(bound) && (distribution !== 'int' || Number.isSafeInteger(bound));
  if (!fits(low) || !fits(high) || low >= high)
    return [{ path: 'low', message: `${low ?? 'nothing'} to ${high ?? 'nothing'}: give two ${whole}, low below high` }];
  return [
    ...(distribution === 'log-uniform' && low <= 0
      ? [{ path: 'low', message: `${low} has no logarithm: log-uniform takes numbers above 0` }]
      : []),
    ...(values != null ? [{ path: 'values', message: `${distribution} takes low and high: leave out values` }] : []),
  ];
}
