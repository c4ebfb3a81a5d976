import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { completeDefinition, type GivenDefinition } from '../../../api/definition/definition';
import { planRuns } from '../../../api/definition/plan-runs';
import { variantGroupId } from '../../../api/definition/variant-group';
import type { RunSpec } from '../../../contract/run-spec';
import { experimentInput } from '../../testkit/experiment-input';

const plan = (changes: object) => planRuns(completeDefinition(experimentInput(changes) as GivenDefinition), 'x');

function specsOf(changes: object): RunSpec[] {
  const planned = plan(changes);
  if (planned.kind === 'invalid') throw new Error(JSON.stringify(planned.problems));
  return planned.value;
}

function problemsOf(changes: object) {
  const planned = plan(changes);
  return planned.kind === 'invalid' ? planned.problems : [];
}

const runOf = (source: RunSpec['teacher'] | RunSpec['student']) => (source?.kind === 'run' ? source.runId : source);

describe('a variant that names another one as its model', () => {
  const pipeline = {
    // Before the variant that it takes: the order of the definition is that of the runs' ids alone.
    variants: [
      { name: 'second', method: 'kd', student: { variant: 'first' } },
      { name: 'first', method: 'scratch' },
      { name: 'third', method: 'kd', teacher: { variant: 'second' }, student: { variant: 'first' } },
      { name: 'fourth', method: 'kd', teacher: { variant: 'teacher' } },
    ],
  };

  it('takes its run with the same seed; the teacher that is fine-tuned first is the same for every seed', () => {
    const specs = specsOf(pipeline);
    const models = specs.map(({ runId, seed, teacher, student }) => [runId, seed, runOf(teacher), runOf(student)]);
    const bilstm = { kind: 'bilstm', vectors: null };
    expect(models).toEqual([
      ['x-0000', 0, expect.objectContaining({ kind: 'random' }), null],
      ['x-0001', 0, 'x-0000', 'x-0003'],
      ['x-0002', 1, 'x-0000', 'x-0004'],
      ['x-0003', 0, null, bilstm],
      ['x-0004', 1, null, bilstm],
      ['x-0005', 0, 'x-0001', 'x-0003'],
      ['x-0006', 1, 'x-0002', 'x-0004'],
      ['x-0007', 0, 'x-0000', bilstm],
      ['x-0008', 1, 'x-0000', bilstm],
    ]);
  });

  it('is one group over its seeds, which another model makes another one', () => {
    const groups = specsOf(pipeline).map(variantGroupId);
    expect(groups[1]).toBe(groups[2]);
    expect(groups[5]).toBe(groups[6]);
    expect(new Set(groups).size).toBe(5);
    const otherwise = { variants: pipeline.variants.map((variant) => ({ ...variant, parameters: { epochs: 3 } })) };
    expect(specsOf(otherwise).map(variantGroupId)[1]).not.toBe(groups[1]);
  });

  it('has a point for every point of the one it takes; values that both read are the same in both', () => {
    const specs = specsOf({
      seeds: [0],
      grid: [
        { parameter: 'temperature', values: [2, 3] },
        { parameter: 'studentUnits', values: [8, 16] },
      ],
      variants: [
        { name: 'first', method: 'scratch' },
        { name: 'second', method: 'kd', student: { variant: 'first' } },
      ],
    });
    const byId = new Map(specs.map((spec) => [spec.runId, spec]));
    const second = specs.filter(({ variant }) => variant.startsWith('second'));
    expect(second.map(({ variant }) => variant)).toEqual([
      'second [temperature=2, studentUnits=8]',
      'second [temperature=2, studentUnits=16]',
      'second [temperature=3, studentUnits=8]',
      'second [temperature=3, studentUnits=16]',
    ]);
    for (const { student, parameters } of second)
      expect(byId.get(runOf(student) as string)!.parameters.studentUnits).toBe(parameters.studentUnits);
  });

  it('has a point for every random point of the one it takes, also where it reads none of what is drawn', () => {
    const specs = specsOf({
      seeds: [0],
      random: { samples: 5, seed: 3, space: [{ parameter: 'alpha', distribution: 'uniform', low: 0, high: 1 }] },
      variants: [
        { name: 'first', method: 'kd' },
        { name: 'second', method: 'scratch', student: { variant: 'first' } },
      ],
    });
    const first = specs.filter(({ variant }) => variant.startsWith('first'));
    const second = specs.filter(({ variant }) => variant.startsWith('second'));
    expect(first).toHaveLength(5);
    expect(second.map(({ student }) => runOf(student))).toEqual(first.map(({ runId }) => runId));
  });

  it('is refused by its field where that cannot be, all problems at once', () => {
    const variants = [
      { name: 'a', method: 'kd', student: { variant: 'b' } },
      { name: 'b', method: 'kd', teacher: { variant: 'c' } },
      { name: 'c', method: 'scratch', student: { variant: 'a' } },
      { name: 'd', method: 'kd', student: { variant: 'd' } },
      { name: 'e', method: 'kd', student: { variant: 'nobody' } },
      { name: 'f', method: 'scratch', teacher: { variant: 'e' } },
      { name: 'g', method: 'kd', student: { run: 'r', folder: '/model' } },
      { name: 'h', method: 'kd', teacher: {} },
      { name: 'i', method: 'kd', student: { folder: 'model' } },
      { name: 'j', method: 'dixtill', student: { random: { hidden: 10, heads: 3 } } },
      { name: 'k', method: 'kd', student: { variant: 'a' } },
    ];
    expect(problemsOf({ variants }).map(({ path }) => path)).toEqual([
      'variants.0.student.variant',
      'variants.1.teacher.variant',
      'variants.2.student.variant',
      'variants.3.student.variant',
      'variants.4.student.variant',
      'variants.5.teacher',
      'variants.6.student',
      'variants.7.teacher',
      'variants.8.student.folder',
      'variants.9.student.random.heads',
      'variants.9.student',
    ]);
    expect(problemsOf({ variants })[4]!.message).toContain('there is no variant "nobody"; there are teacher, a, b');
  });
});

it('the pipeline of docs/compression.md is a definition of four groups beside its teacher and kd', () => {
  const page = readFileSync(join(__dirname, '../../../docs/compression.md'), 'utf8');
  const [, given] = /```json\n(.*?)```/s.exec(page)!;
  const planned = planRuns(completeDefinition(JSON.parse(given!)), 'x');
  if (planned.kind === 'invalid') throw new Error(JSON.stringify(planned.problems));
  const variants = new Set(planned.value.map(({ variant }) => variant));
  expect([...variants]).toEqual([
    'teacher',
    'kd',
    'prune [sparsity=0.5]',
    'prune [sparsity=0.75]',
    'recover [sparsity=0.5]',
    'recover [sparsity=0.75]',
  ]);
  expect(planned.value).toHaveLength(1 + 5 * 3);
});
