import { tableLines } from '../../client/result-tables';

test('a table prints means with their spread, stars what was selected on test, and ends with its notes', () => {
  const cell = (value: number | null, standardDeviation: number | null = null, n = 1) => ({
    value,
    standardDeviation,
    n,
  });
  const lines = tableLines({
    title: 'Best',
    notes: ['read this'],
    columns: [
      { name: 'on dev', unit: 'share', selectedOnTest: false },
      { name: 'maximum', unit: 'share', selectedOnTest: true },
      { name: 'change', unit: 'difference', selectedOnTest: false },
    ],
    rows: [
      { label: 'kd', cells: [cell(0.81234, 0.01, 5), cell(0.9), cell(0.01)] },
      { label: 'meta-lora', cells: [cell(null), cell(0.5), cell(-0.01)] },
    ],
  });
  expect(lines).toEqual([
    'Best',
    '           on dev              maximum *  change',
    'kd         0.8123 ±0.0100 (5)  0.9000     +0.0100',
    'meta-lora  -                   0.5000     -0.0100',
    '* selected on the test set',
    'note: read this',
  ]);
});
