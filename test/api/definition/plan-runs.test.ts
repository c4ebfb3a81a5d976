import { completeDefinition, type GivenDefinition } from '../../../api/definition/definition';
import { planRuns } from '../../../api/definition/plan-runs';
import { methods } from '../../../contract/methods';
import { experimentInput } from '../../testkit/experiment-input';

/** Problems of a definition, and the CPU milliseconds that it takes to tell them. */
function plan(changes: object) {
  const definition = completeDefinition(experimentInput(changes) as GivenDefinition);
  const before = process.cpuUsage();
  const planned = planRuns(definition, 'x');
  const { user, system } = process.cpuUsage(before);
  return {
    paths: planned.kind === 'invalid' ? planned.problems.map(({ path }) => path) : [],
    milliseconds: (user + system) / 1000,
  };
}

const many = <T>(length: number, of: (place: number) => T): T[] => Array.from({ length }, (_, place) => of(place));
const axes = methods.kd.parameters.slice(0, 8).map((parameter) => ({ parameter, values: many(50, (place) => place) }));

describe('a definition that is too large', () => {
  it.each<[string, object, string]>([
    ['a grid beside an empty axis', { grid: [{ ...axes[0], values: [] }, ...axes.slice(1)] }, 'grid'],
    ['a grid without seeds', { grid: axes, seeds: [] }, 'grid'],
    [
      'a grid beside a search of no samples',
      {
        grid: axes.slice(1),
        random: { samples: 0, space: [{ parameter: axes[0]!.parameter, distribution: 'uniform', low: 0, high: 1 }] },
      },
      'grid',
    ],
    ['seeds', { seeds: many(300_000, (place) => place) }, 'seeds'],
    ['variants', { variants: many(20_000, (place) => ({ name: `v${place}`, method: 'kd' })) }, 'variants'],
    ['axes', { grid: many(20_000, () => axes[0]) }, 'grid'],
    ['values of an axis', { grid: [{ ...axes[0], values: many(300_000, String) }] }, 'grid.0.values'],
    [
      'dimensions of a search',
      {
        random: {
          samples: 1,
          space: many(20_000, (place) => ({ parameter: `p${place}`, distribution: 'uniform', low: 0, high: 1 })),
        },
      },
      'random.space',
    ],
    ['tags', { tags: many(100_000, String) }, 'tags'],
    [
      'specs together',
      {
        data: { ...experimentInput().data, classes: many(1000, (place) => 'x'.repeat(800) + place) },
        seeds: many(100, (place) => place),
        grid: [{ parameter: 'alpha', values: many(9, (place) => place / 10) }],
        variants: [{ name: 'kd', method: 'kd' }],
      },
      'variants',
    ],
  ])('by its %s is refused in bounded time', (_what, changes, path) => {
    const { paths, milliseconds } = plan(changes);
    expect(paths).toContain(path);
    expect(milliseconds).toBeLessThan(1000);
  });
});
