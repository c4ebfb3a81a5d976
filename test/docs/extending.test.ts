import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useTestFolder } from '../testkit/test-folder';
import { tinyRun } from '../testkit/tiny-runs';

const repository = join(__dirname, '../..');
const folder = useTestFolder();

/** The blocks of the document in their order: new files (`ts`) and differences (`diff`), each with the path it is about. */
function blocksOf(text: string): { kind: string; path: string; lines: string[] }[] {
  return [...text.matchAll(/^```(ts|diff)\n(?:\/\/|\+\+\+) (\S+)\n(.*?)^```$/gms)].map(([, kind, path, body]) => ({
    kind: kind!,
    path: path!,
    lines: body!.trimEnd().split('\n'),
  }));
}

/** The text after the differences. @throws Error unless the lines before them are in the text, once */
function changed(text: string, lines: readonly string[], path: string): string {
  const side = (other: string) => `${lines.flatMap((line) => (line[0] === other ? [] : line.slice(1))).join('\n')}\n`;
  const parts = `\n${text}`.split(`\n${side('+')}`);
  if (parts.length !== 2) throw new Error(`${path} holds these lines ${parts.length - 1} times:\n${side('+')}`);
  return parts.join(`\n${side('-')}`).slice(1);
}

/** Gives the weights of a Hugging Face folder the names of another family. */
function renameWeights(path: string, before: string, after: string): void {
  const file = readFileSync(path);
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const header = Buffer.from(file.toString('utf8', 8, headerEnd).replaceAll(`"${before}`, `"${after}`).trimEnd());
  const size = Buffer.alloc(8);
  const padded = Buffer.concat([header, Buffer.alloc((8 - (header.length % 8)) % 8, ' ')]);
  size.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(path, Buffer.concat([size, padded, file.subarray(headerEnd)]));
}

function train(code: string, spec: object): void {
  const path = folder.write('spec.json', JSON.stringify(spec));
  execFileSync(process.execPath, ['--import', 'tsx', 'trainer/main.ts', path], {
    cwd: code,
    env: { ...process.env, STILLHOUSE_OBJECTS: join(folder.path(), 'objects') },
    stdio: 'pipe',
  });
}

/** The largest difference of the example loss, its gradient and its mixed derivative from those of kl + reverse-kl. */
function jeffreysLessItsParts(code: string): number {
  const script = `
    import * as tf from '@tensorflow/tfjs';
    import { distillationLoss } from './trainer/losses';
    import { throughMixedDerivative } from './trainer/losses/mixed-derivative';
    const draw = (seed: number) => tf.randomNormal<tf.Rank.R2>([5, 3], 0, 2, 'float32', seed);
    const [student, teacher, u] = [draw(1), draw(2), draw(3)];
    const labels = tf.tensor1d([0, 1, 2, 1, 0], 'int32');
    const numbersOf = (loss: 'kl' | 'reverse-kl') => {
      const weights = { decoupled: { target: 1, nonTarget: 1 }, relations: { inter: 1, intra: 1 } };
      const distillation = { loss, alpha: 0.3, temperature: 2, scale: 4, mseTemperature: 1, ...weights };
      const { value, gradient } = distillationLoss(distillation, student, teacher, labels);
      const mixed = throughMixedDerivative(distillation, student, teacher, labels, u);
      return [value, gradient, mixed].flatMap((tensor) => [...tensor.dataSync()]);
    };
    const [kl, reverse, whole] = [numbersOf('kl'), numbersOf('reverse-kl'), numbersOf('jeffreys' as never)];
    const differences = whole.map((number, at) => Math.abs(number - kl[at]! - reverse[at]!));
    console.log(JSON.stringify({ largest: Math.max(...differences), checked: differences.length }));`;
  writeFileSync(join(code, 'check.ts'), script);
  const output = execFileSync(process.execPath, ['--import', 'tsx', 'check.ts'], { cwd: code, stdio: 'pipe' });
  const { largest, checked } = JSON.parse(output.toString().trim().split('\n').at(-1)!);
  expect(checked).toBe(31);
  return largest;
}

it('adds a metric, a loss, a method and a family of models as the document says, and trains with them', () => {
  const code = join(folder.path(), 'code');
  for (const part of ['contract', 'trainer', 'package.json', 'tsconfig.json'])
    cpSync(join(repository, part), join(code, part), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(code, 'node_modules'));
  for (const { kind, path, lines } of blocksOf(readFileSync(join(repository, 'docs/extending.md'), 'utf8'))) {
    const file = join(code, path);
    if (kind === 'ts') expect([path, existsSync(file)]).toEqual([path, false]);
    const text = kind === 'ts' ? `${lines.join('\n')}\n` : changed(readFileSync(file, 'utf8'), lines, path);
    writeFileSync(file, text);
  }

  train(code, tinyRun(folder.path(), 'finetune', { parameters: { epochs: 1 } }));
  const teacher = join(folder.path(), 'teacher');
  cpSync(join(folder.path(), 'objects/runs/finetune/model'), teacher, { recursive: true });
  renameWeights(join(teacher, 'model.safetensors'), 'bert.', 'encoder.');
  const config = JSON.parse(readFileSync(join(teacher, 'config.json'), 'utf8'));
  writeFileSync(join(teacher, 'config.json'), JSON.stringify({ ...config, model_type: 'lab-bert' }));

  train(code, {
    ...tinyRun(folder.path(), 'kd', { parameters: { loss: 'kl', epochs: 1 } }),
    ...{ runId: 'extended', method: 'sharp-kd', selectBy: 'dev/error-rate' },
    teacher: { kind: 'folder', location: teacher },
    parameters: { epochs: 1, loss: 'jeffreys', studentUnits: 4, embeddingSize: 4, minWordCount: 1 },
  });
  const result = JSON.parse(readFileSync(join(folder.path(), 'objects/runs/extended/result.json'), 'utf8'));
  const { values } = result.selected;
  expect(result.spec).toMatchObject({ method: 'sharp-kd', parameters: { loss: 'jeffreys' } });
  expect(result.selectedOn).toBe('dev/error-rate');
  expect(values['test/error-rate']).toBeCloseTo(1 - values['test/accuracy'], 12);
  expect(jeffreysLessItsParts(code)).toBeLessThan(1e-5);
}, 300_000);
