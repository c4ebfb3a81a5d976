import { z } from 'zod';

/** A moment of the training, as the API takes it. */
export interface Moment {
  point: 'BEST_ON_DEV' | 'BEST_ON_TEST' | 'FINAL' | 'EPOCH' | 'WALL_CLOCK';
  epoch?: number;
  seconds?: number;
}

const moments: [RegExp, (value: number) => Moment][] = [
  [/^best-on-dev$/, () => ({ point: 'BEST_ON_DEV' })],
  [/^best-on-test$/, () => ({ point: 'BEST_ON_TEST' })],
  [/^final$/, () => ({ point: 'FINAL' })],
  [/^epoch=(\d+)$/, (epoch) => ({ point: 'EPOCH', epoch })],
  [/^seconds=(\d+(?:\.\d+)?)$/, (seconds) => ({ point: 'WALL_CLOCK', seconds })],
];

/** The option `--at`. */
export const momentSchema = z.string().transform((text, context): Moment => {
  for (const [form, moment] of moments) {
    const match = form.exec(text);
    if (match) return moment(Number(match[1]));
  }
  context.addIssue('must be best-on-dev, final, epoch=N, seconds=N or best-on-test');
  return z.NEVER;
});
