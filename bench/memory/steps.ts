import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { directoryObjectStore } from '../../contract/objects/directory';
import { parseRunSpec } from '../../contract/run-spec';
import { startEngine } from '../../trainer/engine/engine';
import { loadInputs } from '../../trainer/inputs/run-inputs';
import { randomStream } from '../../trainer/numeric/random';

const totalSteps = 2000;
const logEverySteps = 20;

/**
 * Takes 2,000 steps of a small meta-lora run on generated sentences, and prints how many tensors there were and what was resident
 * after the first epoch and since.
 */
async function main(): Promise<void> {
  const engine = process.argv[2] as 'native' | 'portable';
  const started = await startEngine({ engine, device: 'cpu', threads: 1 });
  if (started.kind === 'unavailable') throw new Error(started.problems.map(({ message }) => message).join(' '));
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  const spec = parseRunSpec({
    runId: 'memory',
    method: 'meta-lora',
    data: writeSentences(folder),
    teacher: { kind: 'random', layers: 2, hidden: 32, heads: 2, intermediate: 64 },
    parameters: { epochs: 1, batchSize: 16, studentUnits: 16, embeddingSize: 16, minWordCount: 1, loraRank: 4 },
  });
  if (spec.kind === 'invalid') throw new Error(JSON.stringify(spec.problems));
  const setting = {
    objects: directoryObjectStore(folder),
    cacheDirectory: folder,
    s3: { endpoint: null, region: null },
    engine: started.engine,
  };
  const signal = new AbortController().signal;
  const run = await loadInputs(spec.value, { ...setting, signal, onPhase: () => {} });
  if (run === 'interrupted' || run.kind === 'invalid') throw new Error(JSON.stringify(run));
  const seen = await takeSteps(run.value);
  rmSync(folder, { recursive: true });
  const [first, ...later] = seen as [Seen, ...Seen[]];
  const range = (key: keyof Seen) => {
    const values = later.map((at) => at[key]);
    return `${first[key]} after the first epoch, then ${Math.min(...values)} to ${Math.max(...values)}`;
  };
  console.log(
    `memory over ${totalSteps} steps, ${engine}: tensors ${range('tensors')}; resident MiB ${range('residentMebibytes')}`,
  );
}

type Inputs = Extract<Exclude<Awaited<ReturnType<typeof loadInputs>>, 'interrupted'>, { kind: 'valid' }>['value'];
type Seen = { tensors: number; residentMebibytes: number };

async function takeSteps(run: Inputs): Promise<Seen[]> {
  let state = run.begin();
  const seen: Seen[] = [];
  const batches = run.trainBatches(1);
  for (let step = 0; step < totalSteps; step++) {
    const batch = batches[step % batches.length]!;
    const inputs = {
      batch,
      quiz: run.quizBatch(step),
      teacherLogits: null,
      step,
      random: randomStream(0, 'step', step),
    };
    const outcome = tf.tidy(
      () => run.method.step(state, inputs) as unknown as tf.TensorContainer,
    ) as unknown as ReturnType<typeof run.method.step>;
    tf.dispose(state as unknown as tf.TensorContainer);
    state = outcome.state;
    if (step % logEverySteps === 0) await Object.values(outcome.figures)[0]!.data();
    tf.dispose(outcome.figures);
    const isEpochEnd = (step + 1) % batches.length === 0;
    if (!isEpochEnd) continue;
    await nextTurn();
    gc?.();
    seen.push({
      tensors: tf.memory().numTensors,
      residentMebibytes: Math.round(process.memoryUsage().rss / 2 ** 20),
    });
  }
  return seen;
}

/** 960 and 40 rows of words that tell their class, more of them in some rows than in others. */
function writeSentences(folder: string): { train: string; test: string } {
  const random = randomStream(0, 'sentences');
  const write = (name: string, rows: number) => {
    const lines = Array.from({ length: rows }, (_, row) => {
      const words = Array.from({ length: 2 + random.integerBelow(20) }, () => `word${random.integerBelow(200)}`);
      return `${row % 2 === 0 ? 'up' : 'down'} ${words.join(' ')},${row % 2}`;
    });
    const path = join(folder, name);
    writeFileSync(path, `text,label\n${lines.join('\n')}\n`);
    return path;
  };
  return { train: write('train.csv', 960), test: write('test.csv', 40) };
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
