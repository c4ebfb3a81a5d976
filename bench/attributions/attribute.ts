import { parseRunSpec } from '../../contract/run-spec';
import { batchOf, type Examples, evaluationOrder } from '../../trainer/data/batches';
import { loadDataSet } from '../../trainer/data/dataset';
import { startEngine } from '../../trainer/engine/engine';
import { predict } from '../../trainer/evaluation/predict';
import { encodeExamples, prepareTexts } from '../../trainer/inputs/run-examples';
import { buildStudent, buildTeacher } from '../../trainer/inputs/run-model';
import { localFolder } from '../../trainer/models/model-files';
import { attributeExamples } from '../../trainer/teacher/attributions';
import { dataFiles } from '../training/steps';

const rounds = 3;
const steps = 20;
const never = new AbortController().signal;

/**
 * `attribute.ts ENGINE DATA TRAIN-SHARE`: what Integrated Gradients of an example cost beside a forward pass, with MiniLM on
 * train rows of the real data, one thread; the least of three rounds, in brackets of CPU seconds.
 */
async function main(): Promise<void> {
  const [engine, folder, trainShare] = process.argv.slice(2) as ['native' | 'portable', string, string];
  const started = await startEngine({ engine, device: 'cpu', threads: 1 });
  if (started.kind === 'unavailable') throw new Error(started.problems.map(({ message }) => message).join(' '));
  const { teacher, train } = await prepare(folder, Number(trainShare));
  const classifier = teacher.model.embedded(teacher.frozen);
  const batches = evaluationOrder(train, 64).map((positions) => batchOf(train, positions));
  const forward = await leastOf(() => predict(teacher.classifier, teacher.learning, batches, never));
  const taken: Float32Array[] = [];
  const gradients = await leastOf(async () => {
    const outputs = await attributeExamples(classifier, train, steps, never, () => {});
    taken.push(outputs!.steps!.values);
  });
  const examples = train.rows.length;
  const each = ({ wall, cpu }: Cost) =>
    `${((1000 * wall) / examples).toFixed(1)} ms (${((1000 * cpu) / examples).toFixed(1)})`;
  const refined = taken[0]!.filter((count) => count > steps).length;
  console.log(
    `Integrated Gradients in ${steps} steps, ${engine}, ${examples} rows: ${each(gradients)} an example, a forward pass ` +
      `${each(forward)}: ${(gradients.wall / forward.wall).toFixed(1)} times (${(gradients.cpu / forward.cpu).toFixed(1)}); ` +
      `${refined} rows took more steps`,
  );
}

async function prepare(folder: string, trainShare: number) {
  const files = dataFiles(folder);
  const spec = valid(
    parseRunSpec({
      runId: 'attributions',
      method: 'dixtill',
      data: { train: files.train, test: files.test },
      teacher: { kind: 'folder', location: files.teacher },
      parameters: { trainShare },
    }),
  );
  const data = valid(await loadDataSet(spec.data, { cacheDirectory: folder, s3: { endpoint: null, region: null } }));
  const texts = valid(prepareTexts(spec, data));
  const teacher = valid(
    await buildTeacher(spec, { files: localFolder(files.teacher), vectorsFile: null }, data.classes, texts.trainTexts),
  );
  const student = valid(await buildStudent(spec, { files: null, vectorsFile: null }, data.classes, texts.trainTexts));
  const train: Examples = encodeExamples(texts, student.model, teacher.model, true).train;
  return { teacher, train };
}

type Cost = { wall: number; cpu: number };

async function leastOf(work: () => Promise<unknown>): Promise<Cost> {
  const least: Cost = { wall: Number.POSITIVE_INFINITY, cpu: Number.POSITIVE_INFINITY };
  for (let round = 0; round < rounds; round++) {
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    await work();
    const { user, system } = process.cpuUsage(cpuBefore);
    least.wall = Math.min(least.wall, (performance.now() - startedAt) / 1000);
    least.cpu = Math.min(least.cpu, (user + system) / 1e6);
  }
  return least;
}

function valid<T>(checked: { kind: 'valid'; value: T } | { kind: 'invalid'; problems: { message: string }[] }): T {
  if (checked.kind === 'valid') return checked.value;
  throw new Error(checked.problems.map(({ message }) => message).join('\n'));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
