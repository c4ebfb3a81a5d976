import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MethodName, methods } from '../../../contract/methods';
import type { RunSpecInput } from '../../../contract/run-spec';
import { float32Values, readSafetensors } from '../../../trainer/checkpoint/safetensors';
import { attemptIn } from '../../testkit/attempts';
import { useTestFolder } from '../../testkit/test-folder';
import { tinyRun } from '../../testkit/tiny-runs';
import { readResult } from '../../testkit/trainer-process';

const folder = useTestFolder();
const teacher = { kind: 'random', layers: 3, hidden: 8, heads: 2, intermediate: 16 } as const;

/** The figures of a run that any change of its arithmetic changes. */
interface Figures {
  trainLoss: number;
  testLoss: number;
  testAccuracy: number;
  /** Square root of the sum of squares of all weights of the saved model. */
  weightNorm: number;
}

/**
 * Runs recorded on the portable engine with the version before the model port. A deliberate change of a method's arithmetic has to
 * record its figures anew.
 */
const stored: Record<string, { method: MethodName; more?: Partial<RunSpecInput>; figures: Figures }> = JSON.parse(
  readFileSync(join(__dirname, 'stored-runs.json'), 'utf8'),
);

function figuresOf(runId: string): Figures {
  const { spec, final } = readResult(folder.path(), runId);
  const { values } = final;
  const weights = methods[spec.method].trains === 'student' ? 'student.safetensors' : 'model.safetensors';
  const path = join(folder.path(), 'objects/runs', runId, 'model', weights);
  const file = readSafetensors(readFileSync(path), path);
  if (file.kind === 'invalid') throw new Error(JSON.stringify(file.problems));
  let squares = 0;
  for (const tensor of file.value.tensors.values()) for (const w of float32Values(tensor)!) squares += w * w;
  return {
    trainLoss: values['train/loss']!,
    testLoss: values['test/loss']!,
    testAccuracy: values['test/accuracy']!,
    weightNorm: Math.sqrt(squares),
  };
}

test.each(Object.entries(stored))(
  '%s repeats its losses, accuracy and weights',
  async (runId, { method, more, figures }) => {
    const outcome = await attemptIn(
      folder.path(),
      tinyRun(folder.path(), method, { runId, teacher: method === 'scratch' ? null : teacher, ...more }),
    );
    expect(outcome.outcome).toBe('succeeded');
    for (const [name, value] of Object.entries(figuresOf(runId)))
      expect({ name, value }).toEqual({ name, value: expect.closeTo(figures[name as keyof Figures], 4) });
  },
);
