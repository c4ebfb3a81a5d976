/** Colours of series; the style sheet holds them for light and dark (--series-0 to --series-7). */
const colourCount = 8;
const dashes = [[], [6, 4], [2, 3]];

/** Where colours run out, dashes tell series apart. */
export const dashOf = (place: number): number[] => dashes[Math.floor(place / colourCount) % dashes.length]!;

export const colourName = (place: number): string => `--series-${place % colourCount}`;

/** The colour as the style sheet has it now: a canvas takes no variables. */
export const colourNow = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
