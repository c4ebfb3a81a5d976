import * as tf from '@tensorflow/tfjs-core';
import { NotFiniteError, sumFigures } from '../../../trainer/records/figures';
import { describeOnEveryEngine } from '../../testkit/engines';

describeOnEveryEngine('the figures of training steps', () => {
  const add = (figures: ReturnType<typeof sumFigures>, step: number, loss: number, examples: number) =>
    figures.add(step, { 'train/loss': tf.scalar(loss) }, examples, 0.5);

  it('are averaged over examples, in the interval and in the epoch', async () => {
    const figures = sumFigures({});
    add(figures, 1, 1, 30);
    add(figures, 2, 4, 10);
    await figures.readBack();
    expect(figures.close('interval')).toEqual({ means: { 'train/loss': 1.75 }, examples: 40, seconds: 1 });
    add(figures, 3, 0.5, 40);
    await figures.readBack();

    expect(figures.close('interval')).toEqual({ means: { 'train/loss': 0.5 }, examples: 40, seconds: 0.5 });
    expect(figures.close('epoch')).toEqual({ means: { 'train/loss': 1.125 }, examples: 80, seconds: 1.5 });
    expect(figures.state()).toEqual({});
  });

  it('give the same means to the last bit wherever the sums were stored and read back', async () => {
    const losses = Array.from({ length: 12 }, (_, i) => Math.sin(i) / 3);
    const undisturbed = sumFigures({});
    losses.forEach((loss, i) => {
      add(undisturbed, i, loss, 7 + i);
    });
    await undisturbed.readBack();
    let resumed = sumFigures({});
    for (const [i, loss] of losses.entries()) {
      add(resumed, i, loss, 7 + i);
      await resumed.readBack();
      resumed = sumFigures(JSON.parse(JSON.stringify(resumed.state())));
    }

    expect(resumed.close('epoch')).toEqual(undisturbed.close('epoch'));
  });

  it('name the first step at which one was not a number', async () => {
    const figures = sumFigures({});
    add(figures, 1, 1, 8);
    add(figures, 2, Number.NaN, 8);
    add(figures, 3, Number.POSITIVE_INFINITY, 8);

    await expect(figures.readBack()).rejects.toThrow(new NotFiniteError('train/loss', Number.NaN, 2));
  });

  it('name all that were not a number at that step', async () => {
    const figures = sumFigures({});
    figures.add(1, { finite: tf.scalar(1), first: tf.scalar(Number.NaN), other: tf.scalar(Number.NaN) }, 8, 1);
    await expect(figures.readBack()).rejects.toMatchObject({ figure: 'first', figures: ['first', 'other'] });
  });

  it('hold their tensors until they are read back, and none after', async () => {
    const figures = sumFigures({});
    const before = tf.memory().numTensors;
    add(figures, 1, 1, 8);
    add(figures, 2, 1, 8);
    expect(tf.memory().numTensors).toBe(before + 2);

    await figures.readBack();

    expect(tf.memory().numTensors).toBe(before);
  });
});
