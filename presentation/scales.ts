/**
 * Round numbers that cover a range, ends included: steps of 1, 2 or 5 times a power of ten.
 *
 * @param most most steps between two of them
 */
export function roundTicks(low: number, high: number, most: number): number[] {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / most));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => span / candidate <= most)!;
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  // Multiples, not sums: 0.1 + 0.2 would print as 0.30000000000000004.
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: Math.max(last, first + 1) - first + 1 }, (_, place) =>
    Number(((first + place) * step).toFixed(decimals)),
  );
}

/** Ticks with as many figures as tell neighbours apart, which learning rates need more of than accuracies. */
export function tickTexts(ticks: readonly number[]): string[] {
  const largest = Math.max(...ticks.map(Math.abs));
  const step = ticks.length > 1 ? Math.abs(ticks[1]! - ticks[0]!) : largest;
  if (largest === 0 || step === 0) return ticks.map(String);
  // Two more than the quotient has: a step may be 2.5 times a power of ten.
  const figures = Math.min(21, Math.ceil(Math.log10(Math.max(1, largest / step))) + 2);
  const format = new Intl.NumberFormat('en', {
    maximumSignificantDigits: figures,
    notation: largest < 0.001 ? 'scientific' : 'standard',
  });
  return ticks.map((tick) => (tick === 0 ? '0' : format.format(tick)));
}
