import type { MetricDescription, MetricUnit } from '../../contract/metrics';
import type { ComparedPair } from './compared-pair';
import type { Interval } from './statistics/sample';

/** Outcome of a pair, for its first group. DIFFERENT: the metric has no better direction. */
export type VerdictKind = 'BETTER' | 'WORSE' | 'DIFFERENT' | 'NO_EVIDENCE' | 'NOT_TESTED';

export interface Verdict {
  kind: VerdictKind;
  /** For a reader who knows no statistics: what, how much, how sure. */
  text: string;
}

/** The level at which a Holm-corrected p of the paired t test speaks for a difference. */
export const significance = 0.05;

/** Everything a verdict says in numbers, with the Holm-corrected p of the pair. */
export function verdictOf(pair: Omit<ComparedPair, 'verdict'>, metric: MetricDescription): Verdict {
  const { name, againstName, seeds, difference, interval, tTest } = pair;
  const units = unitsOf(metric.unit);
  if (difference === null) return { kind: 'NOT_TESTED', text: `not tested: ${name} and ${againstName} share no seed` };
  const signed = `${units.signed(difference)} ${units.name}`.trim();
  if (seeds.length === 1)
    return {
      kind: 'NOT_TESTED',
      text: `not tested: ${name} and ${againstName} share seed ${seeds[0]} alone (${signed})`,
    };
  const count = `${seeds.length} seeds`;
  if (tTest === null)
    return difference === 0
      ? { kind: 'NO_EVIDENCE', text: `no difference: ${name} and ${againstName} are equal in all ${count}` }
      : {
          kind: 'NOT_TESTED',
          text: `not tested: ${name} and ${againstName} differ by the same ${signed} in all ${count}, so there is no spread to test by`,
        };
  const range = interval === null ? '' : ` (95 % ${units.number(interval.low)} to ${units.number(interval.high)})`;
  const p = `Holm p ${pText(tTest.holmP)}`;
  if (tTest.holmP >= significance) {
    const corrected = tTest.p < significance ? `; alone it would have p ${pText(tTest.p)}` : '';
    return {
      kind: 'NO_EVIDENCE',
      text: `no evidence of a difference between ${name} and ${againstName} at ${count}: ${signed}${range}, ${p}${corrected}${seen(pair, units)}`,
    };
  }
  const { kind, word } = directionOf(difference, metric);
  return {
    kind,
    text: `${name} is ${word} than ${againstName} by ${units.size(difference)}${rangeOfSize(interval, difference, units)}, ${count}, ${p}${overRows(pair, units)}`,
  };
}

function directionOf(difference: number, { better }: MetricDescription): { kind: VerdictKind; word: string } {
  if (better === 'none') return { kind: 'DIFFERENT', word: difference > 0 ? 'higher' : 'lower' };
  return difference > 0 === (better === 'higher')
    ? { kind: 'BETTER', word: 'better' }
    : { kind: 'WORSE', word: 'worse' };
}

/** What so many seeds could have shown: "no evidence" is no evidence of the contrary. */
function seen({ detectable, seeds }: Omit<ComparedPair, 'verdict'>, units: Units): string {
  if (detectable === null) return '';
  return `. With this spread ${seeds.length} seeds would show ${units.size(detectable)} or more (power 80 %)`;
}

/** A difference over seeds on these test rows may be one of these rows alone. */
function overRows({ bootstrap }: Omit<ComparedPair, 'verdict'>, units: Units): string {
  if (bootstrap === null || bootstrap.interval.low > 0 || bootstrap.interval.high < 0) return '';
  const { low, high } = bootstrap.interval;
  return `. Other rows could turn it: over seeds and rows the interval is ${units.number(low)} to ${units.number(high)}`;
}

/** "by 1.2 points (95 % 0.4 to 2.0)": of the size, which is what "better by" speaks of. */
function rangeOfSize(interval: Interval | null, difference: number, units: Units): string {
  if (interval === null) return '';
  const ends = difference > 0 ? [interval.low, interval.high] : [-interval.high, -interval.low];
  return ` (95 % ${units.number(ends[0]!)} to ${units.number(ends[1]!)})`;
}

interface Units {
  name: string;
  number(value: number): string;
  signed(value: number): string;
  size(value: number): string;
}

/** Shares are shown in points (hundredths), everything else as it is. */
function unitsOf(unit: MetricUnit): Units {
  const isShare = unit === 'share';
  const digits = (value: number) => (isShare ? pointsText(value * 100) : plainText(value));
  const number = (value: number) => (value < 0 ? `−${digits(-value)}` : digits(value));
  const name = isShare ? 'points' : unit === 'seconds' ? 's' : (unit ?? '');
  return {
    name,
    number,
    signed: (value) => (value > 0 ? `+${digits(value)}` : number(value)),
    size: (value) => `${digits(Math.abs(value))} ${name}`.trim(),
  };
}

/** Tenths; hundredths below a tenth, so that nothing but 0 reads as 0.0. */
const pointsText = (points: number): string => points.toFixed(points !== 0 && points < 0.095 ? 2 : 1);
const plainText = (value: number): string => (value === 0 ? '0' : Number(value.toPrecision(3)).toString());

/** Three decimals without the 0 in front, which a probability does not need: "= .012", "< .001". */
export function pText(p: number): string {
  return p < 0.001 ? '< .001' : `= ${p >= 0.9995 ? '1' : p.toFixed(3).replace(/^0/, '')}`;
}
