import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { metricText } from '../../presentation/format';
import { tickTexts } from '../../presentation/scales';
import { colourNow, dashOf } from './colours';
import { useDark } from './hooks';

export interface ChartLine {
  name: string;
  /** Decides colour and dashes, and stays while others are hidden. */
  place: number;
  colour: string;
  mean: (number | null)[];
  /** With them a band from low to high is drawn. */
  low?: (number | null)[];
  high?: (number | null)[];
  /** Runs behind each mean. */
  count?: number[];
}

const heightPixels = 240;
/** Distances of ticks on the horizontal axis: there is no half epoch or step to name. */
const wholeIncrements = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((power) => [power, 2 * power, 5 * power]);
/** With fewer points each gets a dot. */
const mostDots = 60;

/** What the pointer is at; `left` in pixels from the left of the chart. */
type Pointed = { index: number; left: number };

/** Lines over one axis, with what they say at the pointer. */
export function Chart(props: { title: string; xLabel: string; x: number[]; lines: ChartLine[] }) {
  const { title, xLabel, x, lines } = props;
  const dark = useDark();
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const data = [x, ...lines.flatMap(({ mean, low, high }) => (low && high ? [mean, low, high] : [mean]))];
  const shape = JSON.stringify([
    dark,
    x.length <= mostDots,
    lines.map(({ name, colour, low }) => [name, colour, !!low]),
  ]);

  // Dependencies: `shape` says when another chart is needed; data come below.
  useEffect(() => {
    const host = place.current!;
    const made = new uPlot(
      { ...optionsOf(lines, x.length <= mostDots, setPointed), width: host.clientWidth, height: heightPixels },
      data as uPlot.AlignedData,
      host,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height: heightPixels }));
    observer.observe(host);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [shape]);
  // Dependencies: the lines are in data
  useEffect(() => showData(chart.current!, data as uPlot.AlignedData), [x, lines]);

  const words = lines.map(
    ({ name, mean }) => `${name} ${metricText(mean.findLast((value) => value !== null) ?? null)}`,
  );
  return (
    <div class="chart">
      <div ref={place} class="canvas" role="img" aria-label={`${title} over ${xLabel}; last: ${words.join(', ')}`} />
      {x.length === 0 && <p class="quiet over">No values yet</p>}
      {pointed && <PointedValues {...props} pointed={pointed} />}
    </div>
  );
}

/** A reader who has enlarged a part goes on seeing that part. */
function showData(chart: uPlot, data: uPlot.AlignedData): void {
  const shown = chart.data[0];
  const { min, max } = chart.scales.x!;
  // A chart that was made just now has no range yet.
  if (min == null || max == null || shown.length < 2 || (min <= shown[0]! && max >= shown.at(-1)!)) {
    chart.setData(data);
    return;
  }
  chart.setData(data, false);
  chart.setScale('x', { min, max });
}

function PointedValues(props: { x: number[]; xLabel: string; lines: ChartLine[]; pointed: Pointed }) {
  const { x, xLabel, lines, pointed } = props;
  const { index, left } = pointed;
  const rows = lines
    .flatMap(({ mean, ...line }) => {
      const value = mean[index];
      return value == null ? [] : [{ ...line, value }];
    })
    .sort((a, b) => b.value - a.value);
  if (rows.length === 0) return null;
  return (
    <div class="pointed" style={{ '--left': `${left}px` }} aria-hidden="true">
      <div class="quiet">
        {xLabel} {Number(x[index]!.toFixed(2))}
      </div>
      {rows.slice(0, 10).map(({ name, colour, value, low, high, count }) => (
        <div key={name}>
          <span class="swatch" style={{ background: `var(${colour})` }} />
          {name} <strong>{metricText(value)}</strong>
          {low && count && count[index]! > 1 && (
            <span class="quiet">
              {' '}
              {metricText(low[index]!)} – {metricText(high![index]!)}, n {count[index]}
            </span>
          )}
        </div>
      ))}
    </div>
  );
}

function optionsOf(
  lines: readonly ChartLine[],
  dots: boolean,
  point: (pointed: Pointed | null) => void,
): Omit<uPlot.Options, 'width' | 'height'> {
  const font = '12px system-ui, sans-serif';
  const axis: uPlot.Axis = {
    stroke: colourNow('--quiet'),
    grid: { stroke: colourNow('--grid'), width: 1 },
    ticks: { show: false },
    font,
  };
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const { name, place, colour, low } of lines) {
    const stroke = colourNow(colour);
    series.push({
      label: name,
      stroke,
      width: 2,
      dash: dashOf(place),
      spanGaps: false,
      points: { show: dots, size: 5 },
    });
    if (low === undefined) continue;
    const edge: uPlot.Series = { width: 0, points: { show: false } };
    series.push(edge, edge);
    // Two hexadecimal digits: the opacity.
    bands.push({ series: [series.length - 1, series.length - 2], fill: `${stroke}2b` });
  }
  return {
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, uni: 20 } },
    scales: { x: { time: false } },
    axes: [
      { ...axis, size: 32, incrs: wholeIncrements },
      { ...axis, size: 56, values: (_chart, ticks) => tickTexts(ticks) },
    ],
    series,
    bands,
    hooks: {
      setCursor: [
        ({ cursor: { idx, left }, bbox }) => {
          const isInside = idx != null && left != null && left >= 0;
          point(isInside ? { index: idx, left: bbox.left / devicePixelRatio + left } : null);
        },
      ],
    },
  };
}
