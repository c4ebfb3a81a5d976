import { type MethodName, methodNames, methods } from '../../contract/methods';
import { parametersSchema } from '../../contract/parameters';
import { dependenciesOf, parseRunSpec, type RunSpec, specOfRecord, unreadParameters } from '../../contract/run-spec';

const data = { train: '/data/train.csv', test: '/data/test.csv' };
const teacher = { kind: 'folder', location: '/models/transformer/forward' };

function specOf(input: unknown): RunSpec {
  const outcome = parseRunSpec(input);
  if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.problems));
  return outcome.value;
}

/** Paths of everything that is wrong, in order; fails the test where nothing is. */
function problemPaths(input: unknown): string[] {
  const outcome = parseRunSpec(input);
  if (outcome.kind === 'valid') throw new Error('expected problems');
  return outcome.problems.map(({ path }) => path);
}

test('the shortest definition is filled in whole, and resolving it again changes nothing', () => {
  const spec = specOf({ runId: 'r1', method: 'scratch', data });

  expect(spec).toMatchObject({
    version: 2,
    seed: 0,
    teacher: null,
    student: { kind: 'bilstm', vectors: null },
    variant: 'default',
  });
  expect(Object.keys(spec.parameters).sort()).toEqual(Object.keys(parametersSchema.shape).sort());
  expect(specOf(spec)).toEqual(spec);
});

test.each([
  [{}, 0.05],
  [{ pilotOptimizer: 'rmsprop' }, 0.001],
  [{ pilotOptimizer: 'adam' }, 0.001],
  [{ pilotOptimizer: 'adam', pilotLearningRate: 0.2 }, 0.2],
])('the learning rate of a pilot suits its optimizer unless it is given: %j', (parameters, expected) => {
  const spec = specOf({ runId: 'r1', method: 'meta-lora', data, teacher, parameters });
  expect(spec.parameters.pilotLearningRate).toBe(expected);
});

test.each([
  ['finetune', 5e-5, 4],
  ['finetune-lora', 5e-4, 4],
  ['meta-full', 1e-5, 10],
  ['meta-lora', 1e-4, 10],
] as const)('the defaults of %s come before the general ones, after what is given', (method, rate, epochs) => {
  const { parameters } = specOf({ runId: 'r1', method, data, teacher });
  const given = specOf({ runId: 'r1', method, data, teacher, parameters: { teacherLearningRate: 0.25 } });

  expect(parameters).toMatchObject({ teacherLearningRate: rate, epochs });
  expect(given.parameters).toMatchObject({ teacherLearningRate: 0.25, epochs });
});

describe('problems', () => {
  test('are told all at once, with their paths', () => {
    const paths = problemPaths({
      runId: '../r1',
      method: 'scratch',
      seed: -1,
      data: { train: '', test: '/t.csv', classes: ['one'] },
      parameters: { alpha: 2, epochs: 0, loss: 'hinge', learningrate: 1 },
    });

    expect(paths.sort()).toEqual(
      [
        'data.classes',
        'data.train',
        'parameters',
        'parameters.alpha',
        'parameters.epochs',
        'parameters.loss',
        'runId',
        'seed',
      ].sort(),
    );
  });

  test('say what was given', () => {
    const outcome = parseRunSpec({ runId: 'r1', method: 'scratch', data, parameters: { alpha: 2 }, seed: 'one' });

    if (outcome.kind === 'valid') throw new Error('expected problems');
    expect(outcome.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/number.*; given "one"$/),
      expect.stringMatching(/<=1; given 2$/),
    ]);
  });

  test.each([
    'hf:../../x',
    'hf:owner/..',
    'hf:./name',
    'hf:owner/name/../x',
    'hf:owner/name//x',
    'hf:owner/name@..',
    'hf:ow ner/name',
    'hf:owner/na?me',
    '/data/\0',
  ])('refuses %s as the place of a teacher: it leads elsewhere, or nowhere', (location) => {
    const checked = parseRunSpec({ runId: 'r1', data, method: 'kd', teacher: { kind: 'folder', location } });
    expect(checked).toMatchObject({ kind: 'invalid', problems: [{ path: 'teacher.location' }] });
  });

  test.each(['train.csv', '../train.csv', './data/train.csv', '~/train.csv', 'hf:owner', 'hf:train.csv'])(
    '%s is no location: it would mean another file in another process',
    (location) => {
      const folder = { kind: 'folder', location };

      expect(
        problemPaths({ runId: 'r1', method: 'kd', data: { train: location, test: location }, teacher: folder }),
      ).toEqual(['data.train', 'data.test', 'teacher.location']);
      expect(problemPaths({ runId: 'r1', method: 'scratch', data, vectors: location })).toEqual(['student.vectors']);
    },
  );

  test.each(['/data/train.csv', 'C:\\data\\train.csv', 'hf:owner/name/train.csv', 'hf:owner/name@v1/train.csv'])(
    '%s is a location',
    (location) => {
      expect(specOf({ runId: 'r1', method: 'scratch', data: { ...data, train: location } }).data.train).toBe(location);
    },
  );

  test('an unknown method names those there are', () => {
    const outcome = parseRunSpec({ runId: 'r1', method: 'magic', data });

    if (outcome.kind === 'valid') throw new Error('expected problems');
    expect(outcome.problems).toEqual([{ path: 'method', message: expect.stringContaining('"meta-lora"') }]);
  });

  test.each(methodNames.filter((name) => methods[name].needs.teacher !== 'none'))('%s without a teacher', (method) => {
    expect(problemPaths({ runId: 'r1', method, data })).toEqual(['teacher']);
  });

  test.each(methodNames.filter((name) => !['none', 'logits'].includes(methods[name].needs.teacher)))(
    '%s with a file of labels for a teacher',
    (method) => {
      const labels = { kind: 'labels', location: '/data/said.csv' };

      expect(problemPaths({ runId: 'r1', method, data, teacher: labels })).toContain('teacher.kind');
    },
  );

  test('columns of a file of labels that are not one a class', () => {
    const said = { kind: 'labels', location: '/data/said.csv', columns: ['a', 'b', 'c'] };
    const twoClasses = { ...data, classes: ['up', 'down'] };

    expect(problemPaths({ runId: 'r1', method: 'kd', data, teacher: said })).toEqual(['teacher.columns']);
    const probabilities = { ...said, gives: 'probabilities' };
    expect(problemPaths({ runId: 'r1', method: 'kd', data: twoClasses, teacher: probabilities })).toEqual([
      'teacher.columns',
    ]);
    expect(specOf({ runId: 'r1', method: 'kd', data, teacher: probabilities }).teacher?.kind).toBe('labels');
  });

  test('dixtill with a student without attention', () => {
    const parameters = { studentPooling: 'final-states' };

    expect(problemPaths({ runId: 'r1', method: 'dixtill', data, teacher, parameters })).toEqual([
      'parameters.studentPooling',
    ]);
  });

  test('heads that do not divide the hidden size', () => {
    const random = { kind: 'random', hidden: 100, heads: 3 };

    expect(problemPaths({ runId: 'r1', method: 'kd', data, teacher: random })).toEqual(['teacher.heads']);
  });

  test.each(methodNames.filter((name) => methods[name].needs.quiz))('%s without quiz rows', (method) => {
    const parameters = { quizShare: 0 };

    expect(problemPaths({ runId: 'r1', method, data, teacher, parameters })).toEqual(['parameters.quizShare']);
  });

  test.each([null, 'text', [], 7, undefined])('%j is no definition', (input) => {
    expect(problemPaths(input).length).toBeGreaterThan(0);
  });

  test('parameters that are no object', () => {
    expect(problemPaths({ runId: 'r1', method: 'scratch', data, parameters: 'fast' })).toEqual(['parameters']);
  });
});

describe('the catalogue of methods', () => {
  test.each(methodNames)('%s reads only parameters that exist, has a default only for what it reads', (name) => {
    const { parameters, defaults } = methods[name];

    expect(parameters.filter((parameter) => !(parameter in parametersSchema.shape))).toEqual([]);
    expect(new Set(parameters).size).toBe(parameters.length);
    expect(Object.keys(defaults).filter((parameter) => !parameters.includes(parameter as never))).toEqual([]);
  });

  test('every parameter is read by some method and described', () => {
    const read = new Set<string>(methodNames.flatMap((name: MethodName) => methods[name].parameters));

    for (const [name, schema] of Object.entries(parametersSchema.shape)) {
      expect([name, read.has(name)]).toEqual([name, true]);
      expect([name, (schema.description ?? '').length > 0]).toEqual([name, true]);
    }
  });

  test('a parameter that a method does not read is named, an unknown one is left to the schema', () => {
    expect(unreadParameters('scratch', { alpha: 0.3, epochs: 2, loraRank: 4 })).toEqual(['alpha', 'loraRank']);
    expect(unreadParameters('kd', { alpha: 0.3, unknown: 1 } as never)).toEqual([]);
  });
});

describe('a spec of version 1', () => {
  it('has a new BiLSTM with its vectors as the student, and none where the teacher is trained', () => {
    const version1 = { version: 1, runId: 'r1', data, teacher, vectors: '/glove.txt' };
    const kd = specOf({ ...version1, method: 'kd' });
    expect(kd).toMatchObject({ version: 2, student: { kind: 'bilstm', vectors: '/glove.txt' } });
    expect(kd).not.toHaveProperty('vectors');
    expect(specOf({ ...version1, method: 'finetune', vectors: null }).student).toBeNull();
    expect(specOfRecord(JSON.stringify({ ...version1, method: 'kd' })).student).toEqual(kd.student);
  });
});

describe('a spec of version 2', () => {
  const run = { kind: 'run', runId: 'r0' };

  it('names the runs that it depends on, each once', () => {
    const spec = (models: object) => specOf({ version: 2, runId: 'r1', method: 'kd', data, ...models });
    const bilstm = { kind: 'bilstm' };
    expect(dependenciesOf(spec({ teacher, student: bilstm }))).toEqual([]);
    expect(dependenciesOf(spec({ teacher: run, student: bilstm }))).toEqual(['r0']);
    expect(dependenciesOf(spec({ teacher: run, student: { kind: 'run', runId: 'r2' } }))).toEqual(['r0', 'r2']);
    expect(dependenciesOf(spec({ teacher: run, student: run }))).toEqual(['r0']);
  });

  it('is refused with all that does not fit: no student, one too many, one without attention, the form of version 1', () => {
    const given = { version: 2, runId: 'r1', data, teacher };
    expect(problemPaths({ ...given, method: 'scratch' })).toEqual(['student']);
    expect(problemPaths({ ...given, method: 'finetune', student: run })).toEqual(['student']);
    expect(problemPaths({ ...given, method: 'dixtill', student: teacher })).toEqual(['student.kind']);
    expect(problemPaths({ ...given, method: 'kd', student: run, vectors: null })).toEqual(['']);
  });

  it.each([0, 3, '2'])('refuses the unknown version %j', (version) => {
    const outcome = parseRunSpec({ version, runId: 'r1', method: 'scratch', data });
    expect(outcome).toMatchObject({ kind: 'invalid', problems: [{ path: 'version' }] });
    expect((outcome as { problems: { message: string }[] }).problems[0]!.message).toMatch(/reads 1 and 2; given/);
  });
});
