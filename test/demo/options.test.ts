import { givenParameters } from '../../client/options';
import { readOptions } from '../../demo/options';

test('without a word the demo runs four methods over three seeds', () => {
  expect(readOptions([])).toMatchObject({
    kind: 'run',
    options: { methods: ['scratch', 'kd', 'meta-full', 'meta-lora'], seeds: 3, port: 4000 },
  });
});

test('everything wrong with the command line is said at once, with what was given', () => {
  const read = readOptions(['--seeds', 'many', '--methods', 'scratch,magic', '--port', '70000']);

  expect(read).toMatchObject({ kind: 'help', exitCode: 2 });
  const text = read.kind === 'help' ? read.text : '';
  for (const [option, given] of [
    ['--seeds', 'many'],
    ['--methods', 'magic'],
    ['--port', '70000'],
  ] as const)
    expect(text).toMatch(new RegExp(`${option}.*${given}`));
});

test('an unknown option ends with the help, --help without complaint', () => {
  expect(readOptions(['--nonsense'])).toMatchObject({ kind: 'help', exitCode: 2 });
  expect(readOptions(['--help'])).toMatchObject({ kind: 'help', exitCode: 0 });
});

test('--set takes JSON where it is JSON, and text else', () => {
  expect(givenParameters(['temperature=4', 'loss=mse', 'loraLayers=[4,5]', 'schedule=a=b'])).toEqual({
    temperature: 4,
    loss: 'mse',
    loraLayers: [4, 5],
    schedule: 'a=b',
  });
});
