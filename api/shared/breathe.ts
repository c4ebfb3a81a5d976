/** Milliseconds of work after which the requests of other clients come first. */
const sliceMilliseconds = 8;

let sliceBegan = 0;
const waiting: (() => void)[] = [];

/** Whether the event loop has been held for a whole slice: asked in loops, where awaiting `breathe` each time costs more. */
export const outOfBreath = (): boolean => performance.now() - sliceBegan >= sliceMilliseconds;

/**
 * Lets the event loop turn once a slice is spent; returns at once before. All long work of the process shares one queue, of
 * which one entry goes on in each turn: other clients wait for one slice, however much work there is. Every loop over rows,
 * points or permutations whose length a client chooses calls it.
 */
export async function breathe(): Promise<void> {
  if (!outOfBreath()) return;
  await new Promise<void>((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(goOn);
  });
}

function goOn(): void {
  sliceBegan = performance.now();
  waiting.shift()!();
  // Of the next turn: Node.js defers what is set within this one.
  if (waiting.length > 0) setImmediate(goOn);
}

/** `map` that breathes. */
export async function mapInSlices<Item, Result>(
  items: readonly Item[],
  work: (item: Item, place: number) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const [place, item] of items.entries()) {
    if (outOfBreath()) await breathe();
    results.push(work(item, place));
  }
  return results;
}
