import * as tf from '@tensorflow/tfjs-core';

/** A figure of a step is NaN or infinite: the run cannot go on. */
export class NotFiniteError extends Error {
  override readonly name = 'NotFiniteError';

  /** All figures of that step that are not finite: they tell which part of a run produced the first. */
  readonly figures: readonly string[];

  /** @param step steps done when it came about, this one included. */
  constructor(
    readonly figure: string,
    readonly value: number,
    readonly step: number,
    others: readonly string[] = [],
  ) {
    super(`${figure} became ${value} at step ${step}`);
    this.figures = [figure, ...others];
  }
}

/**
 * Sums up the figures of training steps, once since the last metric record and once since the epoch began, weighted by
 * the examples of each step. The figures stay on the device until they are read back, all in one transfer.
 *
 * The sums are float64 and grow step by step in the same order however often they are read back: a resumed run that
 * starts from `state()` logs the very means of an uninterrupted one.
 */
export interface Figures {
  /** Takes over the scalars of a step. `seconds` is what the step took. */
  add(step: number, figures: Readonly<Record<string, tf.Scalar>>, examples: number, seconds: number): void;
  /** Reads back what is pending. @throws NotFiniteError for the first figure that is not a number or infinite. */
  readBack(): Promise<void>;
  /** Means and totals since the last call with the same span, which then begins anew. Call `readBack` before. */
  close(span: Span): { means: Record<string, number>; examples: number; seconds: number };
  /** The running sums, for a checkpoint. Call `readBack` before. */
  state(): Record<string, number>;
}

export type Span = 'interval' | 'epoch';

interface PendingStep {
  step: number;
  names: string[];
  scalars: tf.Scalar[];
  examples: number;
}

/** @param sums what `state()` gave in an earlier attempt; empty at the start. */
export function sumFigures(sums: Readonly<Record<string, number>>): Figures {
  const totals = new Map(Object.entries(sums));
  let pending: PendingStep[] = [];
  const grow = (name: string, amount: number) => {
    for (const span of ['interval', 'epoch'])
      totals.set(`${span}:${name}`, (totals.get(`${span}:${name}`) ?? 0) + amount);
  };
  return {
    add: (step, figures, examples, seconds) => {
      pending.push({ step, names: Object.keys(figures), scalars: Object.values(figures), examples });
      grow('examples', examples);
      grow('seconds', seconds);
    },
    readBack: async () => {
      const scalars = pending.flatMap((step) => step.scalars);
      if (scalars.length === 0) return;
      const stacked = tf.stack(scalars);
      const values = await stacked.data();
      tf.dispose([stacked, scalars]);
      const steps = pending;
      pending = [];
      let position = 0;
      for (const { step, names, examples } of steps) {
        const ofStep = values.slice(position, position + names.length);
        position += names.length;
        const [first, ...others] = names.filter((_, index) => !Number.isFinite(ofStep[index]));
        if (first !== undefined) throw new NotFiniteError(first, ofStep[names.indexOf(first)]!, step, others);
        names.forEach((name, index) => {
          grow(`figure:${name}`, ofStep[index]! * examples);
        });
      }
    },
    close: (span) => {
      const examples = totals.get(`${span}:examples`) ?? 0;
      const seconds = totals.get(`${span}:seconds`) ?? 0;
      const means: Record<string, number> = {};
      for (const [name, total] of [...totals]) {
        if (!name.startsWith(`${span}:`)) continue;
        const figure = name.slice(`${span}:figure:`.length);
        if (name === `${span}:figure:${figure}`) means[figure] = total / examples;
        totals.delete(name);
      }
      return { means, examples, seconds };
    },
    state: () => Object.fromEntries(totals),
  };
}
