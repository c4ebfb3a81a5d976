import { roundTicks } from '../presentation/scales';
import { type Html, html, type Part } from './html';

/** Okabe and Ito (2008): told apart with any colour vision; dashes and marks tell the same once more, in grey too. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#000000', '#b58900', '#56b4e9', '#7a4fa3'];
const dashes = ['', '7 4', '2 3', '9 3 2 3'];
export const colourOf = (place: number): string => colours[place % colours.length]!;
const dashOf = (place: number): string => dashes[(place + Math.floor(place / colours.length)) % dashes.length]!;

export interface CurvePoint {
  x: number;
  mean: number;
  low: number;
  high: number;
}

export interface Curve {
  name: string;
  /** Decides colour, dashes and marks. */
  place: number;
  points: CurvePoint[];
}

const size = { width: 680, height: 320, left: 52, right: 150, top: 12, bottom: 42 };
const [labelHeight, nameRoom] = [14, 80];

/** A score that does not change over the axis: that of the teacher. */
export interface Reference {
  name: string;
  value: number;
}

/** Means over seeds as lines, from the worst to the best seed as bands, named at their ends. */
export function curveChart(given: {
  title: string;
  xLabel: string;
  yLabel: string;
  /** There is no half of what the horizontal axis counts. */
  wholeTicks: boolean;
  curves: readonly Curve[];
  references: readonly Reference[];
}): Html {
  const { title, xLabel, yLabel, wholeTicks, references } = given;
  const curves = given.curves.filter(({ points }) => points.length > 0);
  if (curves.length === 0) return html`<p class="quiet">${title}: nothing was evaluated.</p>`;
  const points = curves.flatMap((curve) => curve.points);
  const heights = [...points.flatMap(({ low, high }) => [low, high]), ...references.map(({ value }) => value)];
  const [left, right] = [size.left, size.width - size.right];
  const x = axis(
    points.map((point) => point.x),
    left,
    right,
  );
  const y = axis(heights, size.height - size.bottom, size.top);
  const words = curves.map(({ name, points: own }) => `${name} ends at ${own.at(-1)!.mean.toFixed(4)}`).join(', ');
  return html`<figure>
<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${title}: ${words}">
${y.ticks.map(
  (tick) => html`<line class="grid" x1="${left}" x2="${right}" y1="${n(y.place(tick))}" y2="${n(y.place(tick))}"/>
<text class="tick" x="${left - 6}" y="${n(y.place(tick) + 4)}" text-anchor="end">${tick}</text>`,
)}
${x.ticks
  .filter((tick) => !wholeTicks || Number.isInteger(tick))
  .map(
    (tick) =>
      html`<text class="tick" x="${n(x.place(tick))}" y="${size.height - size.bottom + 16}" text-anchor="middle">${tick}</text>`,
  )}
<text class="axis" x="${(left + right) / 2}" y="${size.height - 6}" text-anchor="middle">${xLabel}</text>
<text class="axis" transform="translate(12 ${(size.top + size.height - size.bottom) / 2}) rotate(-90)" text-anchor="middle">${yLabel}</text>
${references.map(
  ({
    name,
    value,
  }) => html`<line class="reference" x1="${left}" x2="${right}" y1="${n(y.place(value))}" y2="${n(y.place(value))}"/>
<text x="${right + 8}" y="${n(y.place(value) + 4)}">${name}</text>`,
)}
${curves.map((curve) => band(curve, x, y))}
${curves.map((curve) => line(curve, x, y))}
${namesAtEnds(curves, x, y)}
</svg>
<figcaption>${title}. Lines are means over seeds, bands reach from the worst to the best seed${references.length > 0 && '; dashed: the teacher'}.</figcaption>
</figure>`;
}

/** Each name behind the end of its line, in its colour, moved down where another stands there. */
function namesAtEnds(curves: readonly Curve[], x: Axis, y: Axis): Part {
  const ends = curves.map(({ points: own }) => ({ x: x.place(own.at(-1)!.x) + 9, y: y.place(own.at(-1)!.mean) }));
  const heights = heightsOfNames(ends);
  return curves.map(
    (
      { name, place },
      at,
    ) => html`<text class="halo" x="${n(ends[at]!.x)}" y="${n(heights[at]! + 4)}" style="fill:${colourOf(place)}">${shortened(name)}</text>
`,
  );
}

function band({ place, points }: Curve, x: Axis, y: Axis): Part {
  if (points.length < 2) return null;
  const upper = points.map((point) => `${n(x.place(point.x))} ${n(y.place(point.high))}`);
  const lower = [...points].reverse().map((point) => `${n(x.place(point.x))} ${n(y.place(point.low))}`);
  return html`<path d="M${[...upper, ...lower].join('L')}Z" fill="${colourOf(place)}" opacity=".13"/>
`;
}

function line({ place, points }: Curve, x: Axis, y: Axis): Html {
  const at = points.map((point) => ({ x: x.place(point.x), y: y.place(point.mean) }));
  const path = at.map((point) => `${n(point.x)} ${n(point.y)}`).join('L');
  return html`<path class="line" d="M${path}" stroke="${colourOf(place)}" stroke-dasharray="${dashOf(place)}"/>
${points.length <= 40 && at.map((point) => mark(place, point.x, point.y))}
`;
}

/** Circle, square, triangle, diamond. */
export function mark(place: number, x: number, y: number, radius = 3.5): Html {
  const fill = colourOf(place);
  const r = radius;
  const corners = [
    null,
    [-r, -r, r, -r, r, r, -r, r],
    [0, -r - 1, r + 1, r, -r - 1, r],
    [0, -r - 1, r + 1, 0, 0, r + 1, -r - 1, 0],
  ];
  const chosen = corners[place % corners.length];
  if (!chosen) return html`<circle cx="${n(x)}" cy="${n(y)}" r="${r}" fill="${fill}"/>`;
  const moved = chosen.map((offset, at) => n(offset + (at % 2 === 0 ? x : y)));
  return html`<polygon points="${moved.join(' ')}" fill="${fill}"/>`;
}

export interface Spread {
  name: string;
  place: number;
  values: { seed: number; value: number }[];
  mean: number | null;
  interval: { low: number; high: number } | null;
}

const rowHeight = 30;
const nameWidth = 190;

/** Every seed a mark, the mean a stroke, its 95 % interval a bar; one row a group. An interval wider than the axis is cut. */
export function spreadChart(title: string, groups: readonly Spread[]): Html {
  const shown = groups.filter(({ values }) => values.length > 0);
  const values = shown.flatMap((group) => group.values.map(({ value }) => value));
  if (values.length === 0) return html`<p class="quiet">${title}: no values.</p>`;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = most - least || Math.abs(most) * 0.01 || 1;
  const cut = (value: number) => Math.min(most + room, Math.max(least - room, value));
  const ends = shown.flatMap(({ interval }) => (interval ? [cut(interval.low), cut(interval.high)] : []));
  const x = axis([...values, ...ends], nameWidth, size.width - 20);
  const height = rowHeight * shown.length + 30;
  const words = shown.map(({ name, mean }) => `${name} ${mean?.toFixed(4) ?? 'without a mean'}`).join(', ');
  return html`<figure>
<svg viewBox="0 0 ${size.width} ${height}" role="img" aria-label="${title}: means ${words}">
${x.ticks.map(
  (tick) => html`<line class="grid" x1="${n(x.place(tick))}" x2="${n(x.place(tick))}" y1="4" y2="${height - 24}"/>
<text class="tick" x="${n(x.place(tick))}" y="${height - 8}" text-anchor="middle">${tick}</text>`,
)}
${shown.map(({ name, place, values: own, mean, interval }, at) => {
  const y = rowHeight * at + 18;
  return html`<text class="name" x="${nameWidth - 14}" y="${y + 4}" text-anchor="end">${shortened(name)}</text>
${interval && html`<line class="interval" x1="${n(x.place(cut(interval.low)))}" x2="${n(x.place(cut(interval.high)))}" y1="${y}" y2="${y}" stroke="${colourOf(place)}"/>`}
${own.map(({ value }) => mark(place, x.place(value), y))}
${mean !== null && html`<line class="mean" x1="${n(x.place(mean))}" x2="${n(x.place(mean))}" y1="${y - 9}" y2="${y + 9}"/>`}
`;
})}
</svg>
<figcaption>${title}. Each mark is a seed, the upright stroke the mean, the bar its 95 % interval.</figcaption>
</figure>`;
}

interface Axis {
  ticks: number[];
  place(value: number): number;
}

/** An axis from the pixel `from` to the pixel `to` that covers some values with round ticks. */
function axis(values: readonly number[], from: number, to: number): Axis {
  const ticks = roundTicks(Math.min(...values), Math.max(...values), 6);
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  return { ticks, place: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

/** Heights at which names may stand, as near to their ends as those before them leave room for. */
function heightsOfNames(ends: readonly { x: number; y: number }[]): number[] {
  const heights = ends.map(({ y }) => y);
  const placed: number[] = [];
  for (const at of ends.map((_, place) => place).sort((a, b) => ends[a]!.y - ends[b]!.y)) {
    for (const other of placed)
      if (Math.abs(ends[other]!.x - ends[at]!.x) < nameRoom && heights[at]! < heights[other]! + labelHeight)
        heights[at] = heights[other]! + labelHeight;
    placed.push(at);
  }
  return heights;
}

/** Half a pixel is enough; the page stays small. */
const n = (pixels: number): number => Math.round(pixels * 10) / 10;
const shortened = (name: string): string => (name.length > 24 ? `${name.slice(0, 23)}…` : name);
