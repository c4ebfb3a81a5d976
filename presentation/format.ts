/** A metric's value: four decimals where they say something (a test set has thousands of rows), else four digits. */
export function metricText(value: number | null): string {
  if (value === null) return '–';
  if (value === 0 || (Math.abs(value) >= 0.001 && Math.abs(value) < 10)) return value.toFixed(4);
  if (Math.abs(value) < 100_000 && Math.abs(value) >= 10) return value.toFixed(Math.abs(value) < 1000 ? 2 : 0);
  return value.toPrecision(3);
}

/** A difference, with its sign. */
export const differenceText = (value: number): string => `${value < 0 ? '−' : '+'}${metricText(Math.abs(value))}`;

/** 8.2 s, 3 min 20 s, 2 h 5 min. */
export function durationText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** US dollars: cents, or two digits of what is less. */
export function moneyText(dollars: number): string {
  if (dollars === 0 || dollars >= 0.1) return `$${dollars.toFixed(2)}`;
  return dollars < 0.0001 ? 'under $0.0001' : `$${Number(dollars.toPrecision(2))}`;
}

/** A limit of cost as somebody types it; nothing typed is no limit. */
export function parseLimit(
  text: string,
): { kind: 'valid'; dollars: number | null } | { kind: 'invalid'; message: string } {
  const typed = text.trim().replace(/^\$\s*/, '');
  if (typed === '') return { kind: 'valid', dollars: null };
  if (/^\d{1,9}(\.\d{1,4})?$/.test(typed) && Number(typed) > 0) return { kind: 'valid', dollars: Number(typed) };
  return { kind: 'invalid', message: `"${typed}" is no limit: write US dollars above 0, such as 12.50, or nothing.` };
}

/** 0.41 Wh, 85 Wh, 1.2 kWh. */
export function energyText(wattHours: number): string {
  if (wattHours >= 1000) return `${(wattHours / 1000).toFixed(1)} kWh`;
  return `${wattHours >= 10 ? Math.round(wattHours) : Number(wattHours.toPrecision(2))} Wh`;
}

/** How long ago, coarsely. */
export function agoText(time: string, now: number = Date.now()): string {
  const minutes = Math.floor((now - Date.parse(time)) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 60 * 48) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / 60 / 24)} days ago`;
}

export const timeText = (time: string): string =>
  new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString()} ${count === 1 ? one : many}`;
