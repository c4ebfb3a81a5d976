import type { Batch } from './batch';
import { isOutOfMemory } from './engine/out-of-memory';

/** The memory of the device ran out on a batch; the message says on what, and what to lower. */
export class OutOfMemoryError extends Error {
  constructor(batch: Batch, model: string, cause: unknown) {
    const lengths = [
      batch.tokens && `${longest(batch.tokens.lengths)} word pieces`,
      batch.words && `${longest(batch.words.lengths)} words`,
    ].filter((length) => length !== null);
    super(
      `memory ran out on a batch of ${batch.rows.length} examples, the longest of ${lengths.join(' and ')}, with ${model} ` +
        `(${(cause as Error).message.split('\n').at(-1)}): define the run anew with a smaller batchSize, maxTokens or ` +
        'maxWords, or a smaller model, or run fewer runs at a time',
      { cause },
    );
    this.name = 'OutOfMemoryError';
  }
}

/**
 * Does some work on a batch.
 *
 * @param model for the message
 * @throws OutOfMemoryError where the memory of the device ran out; any other error as it is
 */
export function withinMemory<T>(batch: Batch, model: () => string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isOutOfMemory(error) ? new OutOfMemoryError(batch, model(), error) : error;
  }
}

const longest = (lengths: Int32Array): number => lengths.reduce((most, length) => Math.max(most, length), 0);
