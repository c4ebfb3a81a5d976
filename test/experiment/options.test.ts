import { readOptions } from '../../experiment/options';

test('a preset, data and a teacher are enough', () => {
  expect(readOptions(['E4', '--data', '/data', '--teacher', 'hf:owner/name'])).toMatchObject({
    kind: 'run',
    options: { preset: 'E4', data: '/data', teacher: 'hf:owner/name', scale: 1, seeds: 5 },
  });
});

test('everything wrong with the command line is said at once, with what was given', () => {
  const read = readOptions(['E9', '--scale', '2', '--seeds', 'many']);
  const text = read.kind === 'help' ? read.text : '';
  for (const line of [
    /preset: must be one of E1.*given "E9"/,
    /--data:.*given nothing/,
    /--teacher:/,
    /--scale: must be.*given "2"/,
    /--seeds:.*given "many"/,
  ])
    expect(text).toMatch(line);
});

test('a word too many ends with the help, and the help lists every preset', () => {
  const read = readOptions(['E4', 'E5']);
  expect(read).toMatchObject({ kind: 'help', exitCode: 2 });
  const text = read.kind === 'help' ? read.text : '';
  expect(text).toContain('"E5" is one word too many');
  for (const name of ['E1 ', 'E8 ']) expect(text).toContain(name);
});
