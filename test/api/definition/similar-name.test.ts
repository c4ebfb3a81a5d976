import { suggestion } from '../../../api/definition/similar-name';
import { methodNames } from '../../../contract/methods';
import { parametersSchema } from '../../../contract/parameters';

const parameters = Object.keys(parametersSchema.shape);

it.each([
  ['temprature', parameters, 'temperature'],
  ['studentlearningrate', parameters, 'studentLearningRate'],
  ['learningRate', parameters, 'pilotLearningRate'],
  ['metalora', methodNames, 'meta-lora'],
  ['telepathy', methodNames, null],
  ['', methodNames, null],
])('%j is taken for the name closest to it, if it is close', (given, names, meant) => {
  expect(suggestion(given, names)).toBe(meant === null ? '' : `; did you mean "${meant}"?`);
});

it('every name with one letter dropped or doubled is recognised, or is another name', () => {
  for (const name of parameters.filter(({ length }) => length > 3))
    for (let at = 0; at < name.length; at++)
      for (const given of [name.slice(0, at) + name.slice(at + 1), name.slice(0, at) + name[at] + name.slice(at)])
        expect([given, suggestion(given, parameters)]).toEqual([given, expect.stringContaining('did you mean')]);
});
