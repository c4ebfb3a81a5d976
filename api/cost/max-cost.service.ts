import type { Services } from '../context/context';
import { findSpending, type Spending, stopForCost } from './max-cost.store';

/**
 * Stops the launching of experiments whose runs, those at work included, have reached the most they may cost. Where
 * the cost cannot be told the limit could not hold, so they stop too.
 */
export async function stopBeyondMaxCost({ database }: Services): Promise<void> {
  for (const spending of await findSpending(database)) {
    const reason = stopReason(spending);
    if (reason !== null) await stopForCost(database, spending.id, reason);
  }
}

function stopReason({ cost, unpriced, max_cost }: Spending): string | null {
  const limit = `${usd(max_cost)}, the most it may cost (maxCost)`;
  if (cost >= max_cost)
    return `Its runs cost ${usd(cost)} so far, the limit is ${limit}. Raise it by setMaxCost: that launches the waiting runs as well.`;
  if (unpriced > 0)
    return `${unpriced} of its runs were on machines whose price is not known, so it cannot be kept to ${limit}. Set the price (--price-per-hour, --prices), or lift the limit by setMaxCost.`;
  return null;
}

const usd = (amount: number): string => `${amount.toFixed(2)} USD`;
