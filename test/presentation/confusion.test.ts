import { classScoreName, confusionName } from '../../contract/metric-names';
import { confusionOf } from '../../presentation/confusion';

const scoresOf = (classes: readonly string[]) =>
  classes.map((label) => ({ name: classScoreName('test', label, 'f1'), value: 0.5 }));

describe('a confusion matrix', () => {
  it('sums the cells over runs', () => {
    const run = (hits: number, confusions: number) => [
      ...scoresOf(['up', 'down']),
      { name: confusionName('test', 'up', 'up'), value: hits },
      { name: confusionName('test', 'up', 'down'), value: confusions },
      { name: confusionName('test', 'down', 'down'), value: 4 },
      { name: confusionName('dev', 'up', 'down'), value: 99 },
    ];
    expect(confusionOf([...run(1, 2), ...run(10, 20)])).toEqual({
      classes: ['up', 'down'],
      counts: [
        [11, 22],
        [0, 8],
      ],
    });
  });

  it('gives every cell a place of its own where slashes in labels could be taken for one another', () => {
    const classes = ['x', 'x/y', 'y/z', 'z', '50%', '50%2F'];
    const cells = classes.flatMap((actual, row) =>
      classes.map((predicted, column) => ({
        name: confusionName('test', actual, predicted),
        value: 10 * row + column,
      })),
    );
    expect(confusionOf([...scoresOf(classes), ...cells])).toEqual({
      classes,
      counts: classes.map((_, row) => classes.map((_, column) => 10 * row + column)),
    });
  });

  it('reads cells of earlier trainers, which wrote slashes as they are', () => {
    const cells = [
      { name: 'test/confusion/up/up', value: 1 },
      { name: 'test/confusion/up/down/flat', value: 2 },
      { name: 'test/confusion/down/flat/down/flat', value: 4 },
    ];
    expect(confusionOf([...scoresOf(['up', 'down/flat']), ...cells])?.counts).toEqual([
      [1, 2],
      [0, 4],
    ]);
  });

  it('is null before the first evaluation', () => {
    expect(confusionOf([{ name: 'train/loss', value: 1 }])).toBeNull();
    expect(confusionOf([])).toBeNull();
  });
});
