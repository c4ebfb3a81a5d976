import type { ParameterOverrides } from '../../../contract/parameters';
import { parseRunSpec, type RunSpec } from '../../../contract/run-spec';
import type { DataSet } from '../../../trainer/data/dataset';
import { splitRows } from '../../../trainer/data/splits';
import { rowsLearntBefore } from '../../../trainer/inputs/learnt-rows';

const rows = 200;
const labels = Int32Array.from({ length: rows }, (_, row) => row % 2);
const texts = Array.from(labels, (_, row) => `text ${row}`);
const file = { sha256: 'a', rows };
const data: DataSet = {
  classes: ['no', 'yes'],
  train: { texts, labels },
  test: { texts, labels },
  files: { train: file, test: file },
};

function specOf(method: string, seed: number, parameters: ParameterOverrides): RunSpec {
  const teacher = { kind: 'random' };
  const parsed = parseRunSpec({
    ...{ runId: method, method, seed, teacher, parameters },
    data: { train: '/train.csv', test: '/test.csv' },
  });
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

type Split = { seed?: number } & ParameterOverrides;

function known(
  { seed: teacherSeed = 0, ...ofTeacher }: Split,
  { seed = 0, ...ofStudent }: Split,
  { method = 'kd', sha256 = 'a' } = {},
) {
  const spec = specOf(method, seed, ofStudent);
  const { parameters } = spec;
  const splits = splitRows(labels, data.classes, parameters, parameters.splitSeed ?? seed);
  if (splits.kind === 'invalid') throw new Error(JSON.stringify(splits.problems));
  const teacher = {
    runId: 'teacher',
    spec: specOf('finetune', teacherSeed, ofTeacher),
    dataFiles: { train: { sha256, rows }, test: file },
  };
  return rowsLearntBefore('teacher', teacher, spec, data, splits.value);
}

describe('rows that a teacher was trained on', () => {
  it('are never dev rows of a run with the same split, whatever the seeds of the runs', () => {
    const nothing = { problems: [], notes: [] };
    expect(known({ seed: 1 }, { seed: 2 })).toEqual(nothing);
    expect(known({ seed: 3, splitSeed: null }, { seed: 3, splitSeed: null })).toEqual(nothing);
    expect(known({ seed: 3, splitSeed: null }, { seed: 0, splitSeed: 3 })).toEqual(nothing);
  });

  it.each([
    [
      'parameters.splitSeed',
      { seed: 0, splitSeed: null },
      { seed: 1, splitSeed: null },
      /^1\d of 20 dev rows .*seed 0.*by 1\)/,
    ],
    ['teacher.runId', { splitSeed: 5 }, { splitSeed: 6 }, /^1\d of 20 dev rows .*seed 5.*by 6\)/],
    ['teacher.runId', { devShare: 0.05 }, { devShare: 0.3 }, /^\d\d of 60 dev rows/],
  ] as const)('are a problem of %s where dev rows are among them', (path, teacher, student, message) => {
    expect(known(teacher, student).problems).toEqual([{ path, message: expect.stringMatching(message) }]);
  });

  it('are noted where quiz rows are among them and the method uses these', () => {
    const { problems, notes } = known({ trainOnQuiz: true }, {}, { method: 'meta-lora' });
    expect([problems, notes]).toEqual([
      [],
      [expect.stringMatching(/^20 of 20 quiz rows were train rows of the teacher/)],
    ]);
    expect(known({ trainOnQuiz: true }, {}, { method: 'kd' }).notes).toEqual([]);
  });

  it('are not known where it was fine-tuned on another file', () => {
    const { problems, notes } = known({ splitSeed: 5 }, { splitSeed: 6 }, { sha256: 'b' });
    expect([problems, notes]).toEqual([[], [expect.stringContaining('another train file')]]);
  });
});
