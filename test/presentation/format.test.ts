import fc from 'fast-check';
import {
  agoText,
  bytesText,
  differenceText,
  durationText,
  energyText,
  metricText,
  moneyText,
  parseLimit,
} from '../../presentation/format';
import { roundTicks, tickTexts } from '../../presentation/scales';

describe('numbers for a reader', () => {
  it.each([
    [0.84804, '0.8480'],
    [0, '0.0000'],
    [1.5, '1.5000'],
    [123.456, '123.46'],
    [23_456.7, '23457'],
    [0.00001234, '0.0000123'],
    [null, '–'],
  ])('%p is "%s"', (value, text) => {
    expect(metricText(value)).toBe(text);
  });

  it('differences have their sign', () => {
    expect([0.01, -0.25].map(differenceText)).toEqual(['+0.0100', '−0.2500']);
  });

  it.each([
    [0, '$0.00'],
    [12.345, '$12.35'],
    [0.0123, '$0.012'],
    [0.00001, 'under $0.0001'],
  ])('%p dollars are "%s"', (dollars, text) => {
    expect(moneyText(dollars)).toBe(text);
  });

  it.each([
    ['', null],
    ['  ', null],
    ['12.5', 12.5],
    ['$ 0.01', 0.01],
    ['1000000', 1_000_000],
  ])('"%s" limits the cost to %p', (text, dollars) => {
    expect(parseLimit(text)).toEqual({ kind: 'valid', dollars });
  });

  it.each(['0', '-1', 'ten', '1,5', '1e3', '0x10', '1.', '12 USD', 'NaN'])(
    '"%s" is no limit, and lifts none',
    (text) => {
      const parsed = parseLimit(text);
      expect(parsed).toEqual({ kind: 'invalid', message: expect.stringContaining(`"${text}" is no limit`) });
    },
  );

  it.each([
    [0.1234, '0.12 Wh'],
    [84.6, '85 Wh'],
    [1234, '1.2 kWh'],
  ])('%p watt-hours are "%s"', (wattHours, text) => {
    expect(energyText(wattHours)).toBe(text);
  });

  it.each([
    [8.24, '8.2 s'],
    [59.7, '1 min 0 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
  ])('%p seconds are "%s"', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  it('bytes and times are coarse', () => {
    expect([999, 1500, 2_500_000].map(bytesText)).toEqual(['999 B', '1.5 kB', '2.5 MB']);
    const now = Date.parse('2026-01-03T12:00:00Z');
    expect(
      ['2026-01-03T11:59:30Z', '2026-01-03T09:30:00Z', '2026-01-01T11:00:00Z'].map((at) => agoText(at, now)),
    ).toEqual(['just now', '2 h ago', '2 days ago']);
  });
});

describe('the ticks of an axis', () => {
  it('are round', () => {
    expect(roundTicks(0.612, 0.683, 5)).toEqual([0.6, 0.62, 0.64, 0.66, 0.68, 0.7]);
    expect(roundTicks(3, 3, 5)).toEqual([3, 4]);
  });

  it('cover every range with few ticks', () => {
    const number = fc.double({ min: -1e6, max: 1e6, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(number, fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (low, span) => {
        const ticks = roundTicks(low, low + span, 5);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(7);
        expect(ticks[0]!).toBeLessThanOrEqual(low + span * 1e-6);
        expect(ticks.at(-1)!).toBeGreaterThanOrEqual(low + span * (1 - 1e-6));
      }),
    );
  });

  it('are told apart, however small they are', () => {
    expect(tickTexts([0, 0.0005, 0.001, 0.0015, 0.002])).toEqual(['0', '0.0005', '0.001', '0.0015', '0.002']);
    expect(tickTexts([0, 5e-6, 1e-5, 1.5e-5, 2e-5])).toEqual(['0', '5E-6', '1E-5', '1.5E-5', '2E-5']);
    expect(tickTexts([0.725, 0.75, 0.775, 0.8])).toEqual(['0.725', '0.75', '0.775', '0.8']);
    expect(tickTexts([10_000, 12_500, 15_000])).toEqual(['10,000', '12,500', '15,000']);
    expect(tickTexts([0])).toEqual(['0']);
    const step = fc
      .constantFrom(1, 2, 2.5, 5)
      .chain((factor) => fc.integer({ min: -12, max: 6 }).map((power) => factor * 10 ** power));
    fc.assert(
      fc.property(step, fc.integer({ min: -999, max: 999 }), (by, from) => {
        const ticks = [0, 1, 2, 3, 4].map((place) => (from + place) * by);
        expect(new Set(tickTexts(ticks)).size).toBe(5);
      }),
    );
  });
});
