import fc from 'fast-check';
import { goesOn, rungsOf } from '../../../api/definition/successive-halving';

/**
 * Algorithm 2 of Li et al. (2020) word for word: a rung's promotable configurations are those of its top |rung| / eta
 * that were not promoted yet. Of equals the one that arrived first is the better.
 */
class PaperRung {
  private readonly values: number[] = [];
  private readonly promoted = new Set<number>();

  arrive(value: number): number {
    this.values.push(value);
    return this.values.length - 1;
  }

  promotable(eta: number): number[] {
    const byRank = this.values.map((_, place) => place).sort((a, b) => this.values[b]! - this.values[a]! || a - b);
    return byRank.slice(0, Math.floor(this.values.length / eta)).filter((place) => !this.promoted.has(place));
  }

  promote(place: number): void {
    this.promoted.add(place);
  }
}

const arrivals = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 });
const reductions = fc.integer({ min: 2, max: 5 });

describe('the rule of successive halving', () => {
  it("lets a run go on at its arrival exactly where the paper's algorithm could promote it there and then", () => {
    fc.assert(
      fc.property(arrivals, reductions, (values, eta) => {
        const paper = new PaperRung();
        for (const [place, value] of values.entries()) {
          paper.arrive(value);
          // Before eta have arrived the paper promotes nobody, and here nobody is stopped.
          const expected = place + 1 < eta || paper.promotable(eta).includes(place);
          expect(goesOn(value, values.slice(0, place), eta, 'higher')).toBe(expected);
        }
      }),
    );
  });

  it('ranks by the smallest value where lower is better', () => {
    fc.assert(
      fc.property(arrivals, reductions, (values, eta) => {
        const negated = values.map((value) => -value);
        const [value, ...earlier] = values;
        const [opposite, ...negatedEarlier] = negated;
        expect(goesOn(opposite!, negatedEarlier, eta, 'lower')).toBe(goesOn(value!, earlier, eta, 'higher'));
      }),
    );
  });

  it('never stops what is the best so far, once a share can be told', () => {
    fc.assert(
      fc.property(arrivals, reductions, (earlier, eta) => {
        expect(goesOn(Math.max(...earlier) + 1, earlier, eta, 'higher')).toBe(true);
      }),
    );
  });

  it('judges at minEpochs times powers of the reduction, and never at the end', () => {
    expect(rungsOf({ minEpochs: 1, reduction: 3 }, 27)).toEqual([1, 3, 9]);
    expect(rungsOf({ minEpochs: 2, reduction: 2 }, 15)).toEqual([2, 4, 8]);
    expect(rungsOf({ minEpochs: 5, reduction: 3 }, 5)).toEqual([]);
  });
});

/** Workers that take configurations one after another; each epoch of a configuration takes the time it is given. */
function simulate(
  configurations: readonly { quality: number; epochSeconds: number }[],
  { workers, epochs, minEpochs, eta }: { workers: number; epochs: number; minEpochs: number; eta: number },
): { finished: number[]; epochsTrained: number } {
  const rungs = rungsOf({ minEpochs, reduction: eta }, epochs);
  const arrived = new Map<number, number[]>(rungs.map((rung) => [rung, []]));
  const finished: number[] = [];
  let epochsTrained = 0;
  let next = 0;
  const busy: { place: number; epoch: number; at: number }[] = [];
  const take = (at: number) => {
    if (next >= configurations.length) return;
    busy.push({ place: next, epoch: 0, at: at + configurations[next]!.epochSeconds });
    next += 1;
  };
  for (let worker = 0; worker < workers; worker += 1) take(0);
  while (busy.length > 0) {
    busy.sort((a, b) => a.at - b.at || a.place - b.place);
    const run = busy.shift()!;
    const { quality, epochSeconds } = configurations[run.place]!;
    run.epoch += 1;
    epochsTrained += 1;
    const rung = arrived.get(run.epoch);
    const stays = rung === undefined || goesOn(quality, rung, eta, 'higher');
    rung?.push(quality);
    if (stays && run.epoch < epochs) busy.push({ ...run, at: run.at + epochSeconds });
    else {
      if (stays) finished.push(run.place);
      take(run.at);
    }
  }
  return { finished, epochsTrained };
}

/** The same workers under Algorithm 2: promote from the highest rung where one may be promoted, else begin another. */
function simulatePaper(
  configurations: readonly { quality: number; epochSeconds: number }[],
  { workers, epochs, minEpochs, eta }: { workers: number; epochs: number; minEpochs: number; eta: number },
): { finished: number[]; epochsTrained: number } {
  const ends = [...rungsOf({ minEpochs, reduction: eta }, epochs), epochs];
  const rungs = ends.map(() => ({ rung: new PaperRung(), members: [] as number[] }));
  const busy: { place: number; level: number; at: number }[] = [];
  let epochsTrained = 0;
  let next = 0;
  const getJob = (): { place: number; level: number } | null => {
    for (let level = ends.length - 2; level >= 0; level -= 1) {
      const { rung, members } = rungs[level]!;
      const [arrival] = rung.promotable(eta);
      if (arrival === undefined) continue;
      rung.promote(arrival);
      return { place: members[arrival]!, level: level + 1 };
    }
    return next < configurations.length ? { place: next++, level: 0 } : null;
  };
  const take = (at: number) => {
    const job = getJob();
    if (job === null) return;
    const trained = ends[job.level]! - (ends[job.level - 1] ?? 0);
    epochsTrained += trained;
    busy.push({ ...job, at: at + trained * configurations[job.place]!.epochSeconds });
  };
  for (let worker = 0; worker < workers; worker += 1) take(0);
  while (busy.length > 0) {
    busy.sort((a, b) => a.at - b.at || a.place - b.place);
    const { place, level, at } = busy.shift()!;
    rungs[level]!.rung.arrive(configurations[place]!.quality);
    rungs[level]!.members.push(place);
    // A worker that found nothing to do may find something now.
    for (let idle = busy.length; idle < workers; idle += 1) take(at);
  }
  return { finished: rungs.at(-1)!.members, epochsTrained };
}

describe('a simulated search', () => {
  const random = fc.array(
    fc.record({ quality: fc.double({ min: 0, max: 1, noNaN: true }), epochSeconds: fc.integer({ min: 1, max: 5 }) }),
    { minLength: 27, maxLength: 60 },
  );

  const bestOf = (configurations: readonly { quality: number }[], places = [...configurations.keys()]): number =>
    Math.max(...places.map((place) => configurations[place]!.quality));

  it('always finishes the best configuration, whatever the order, the workers and the speeds', () => {
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 8 }), reductions, (configurations, workers, eta) => {
        const { finished } = simulate(configurations, { workers, epochs: 27, minEpochs: 1, eta });
        // Of several that are equally good at least one.
        expect(bestOf(configurations, finished)).toBe(bestOf(configurations));
      }),
      { numRuns: 200 },
    );
  });

  it('finishes one at least as good as the algorithm of the paper does, which may pause the best for ever', () => {
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 8 }), reductions, (configurations, workers, eta) => {
        const setting = { workers, epochs: 27, minEpochs: 1, eta };
        const ofPaper = bestOf(configurations, simulatePaper(configurations, setting).finished);
        expect(bestOf(configurations, simulate(configurations, setting).finished)).toBeGreaterThanOrEqual(ofPaper);
      }),
      { numRuns: 200 },
    );
  });

  it('trains a small part of a full search where the order has no trend, about as much as the paper', () => {
    // Multiples of the golden section of 81, modulo 81: every part of the order is spread over all qualities.
    const configurations = Array.from({ length: 81 }, (_, place) => ({ quality: (place * 50) % 81, epochSeconds: 1 }));
    const setting = { workers: 4, epochs: 27, minEpochs: 1, eta: 3 };
    const { epochsTrained } = simulate(configurations, setting);
    const paper = simulatePaper(configurations, setting).epochsTrained;
    expect(epochsTrained).toBeLessThan((81 * 27) / 5);
    expect(epochsTrained / paper).toBeGreaterThan(1 / 2);
    expect(epochsTrained / paper).toBeLessThan(2);
  });
});
