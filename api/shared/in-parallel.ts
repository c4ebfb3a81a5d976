/** Requests under way at a time: objects and jobs answer in tens of milliseconds, and their services count requests. */
const usualLanes = 8;

/** Does `work` for every item, some at a time. @returns what it threw, once all are done */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  lanes: number = usualLanes,
): Promise<Error[]> {
  const problems: Error[] = [];
  const remaining = items.values();
  const lane = async () => {
    for (const item of remaining) await work(item).catch((error: Error) => problems.push(error));
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return problems;
}

/** Lanes that all callers share: does at most so many pieces of work at a time, in the order in which they came. */
export function sharedLanes(lanes: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = lanes;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
