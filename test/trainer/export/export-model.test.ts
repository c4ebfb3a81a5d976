import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'csv-parse/sync';
import { predictionsKey } from '../../../contract/keys';
import type { RunSpecInput } from '../../../contract/run-spec';
import { classify, studentLogits } from '../../../trainer/export/classify';
import { localFolder } from '../../../trainer/models/model-files';
import { readBilstm, type StoredBilstm } from '../../../trainer/models/word/folder';
import { preprocess, wordsOf } from '../../../trainer/tokenizers/preprocess';
import { attemptIn, storeOf } from '../../testkit/attempts';
import { useEngine } from '../../testkit/engines';
import { describeWithPython, runPython } from '../../testkit/python';
import { largestDifference } from '../../testkit/tensors';
import { useTestFolder } from '../../testkit/test-folder';
import { tinyRun } from '../../testkit/tiny-runs';
import { readResult } from '../../testkit/trainer-process';

const folder = useTestFolder();
const repository = join(__dirname, '../../..');
const texts = ['profits rise', 'Profits fall!', 'a word nobody knows', 'the', 'shares fall and rise and fall again'];

beforeAll(() => useEngine('portable'));
beforeEach(async () => {
  await attemptIn(folder.path(), tinyRun(folder.path(), 'scratch', { runId: 'run', parameters: { studentUnits: 6 } }));
});

const modelFolder = (run = 'run'): string => join(folder.path(), 'objects/runs', run, 'model');

const poolings = [
  ['the final states', 'final-states'],
  ['attention over the words', 'attention'],
] as const;

/** Trains the run `pooled`. */
const trainWith = (studentPooling: 'final-states' | 'attention') =>
  attemptIn(
    folder.path(),
    tinyRun(folder.path(), 'scratch', { runId: 'pooled', parameters: { studentUnits: 6, studentPooling } }),
  );

async function student(place = modelFolder()): Promise<StoredBilstm> {
  const read = await readBilstm(localFolder(place));
  if (read.kind === 'invalid') throw new Error(JSON.stringify(read.problems));
  return read.value;
}

/** Ids of texts, another behind the end of each, and how many there are. */
function padded({ vocabulary, reading }: StoredBilstm, behind = 0): { words: number[][]; lengths: number[] } {
  const ids = texts.map((text) =>
    wordsOf(preprocess(text, reading.preprocessing)).map((word) => Math.max(1, vocabulary.indexOf(word))),
  );
  const longest = Math.max(...ids.map(({ length }) => length));
  return {
    words: ids.map((row) => [...row, ...new Array<number>(longest - row.length).fill(behind)]),
    lengths: ids.map(({ length }) => length),
  };
}

async function run(
  script: string,
  words: string[],
  input = '',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const all = ['--import', 'tsx', script, ...words, '--objects', join(folder.path(), 'objects')];
  const running = promisify(execFile)(process.execPath, all, { cwd: repository });
  running.child.stdin?.end(input);
  return running.then(
    (output) => ({ code: 0, ...output }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}
const exportModel = (...words: string[]) => run('trainer/export/export-model.ts', words);

describe('the folder of a student', () => {
  it('says of the test texts, bit for bit, what the run stored', async () => {
    const { parquetReadObjects } = await import('hyparquet');
    const { selected, spec } = readResult(folder.path(), 'run');
    const body = await storeOf(folder.path()).read(predictionsKey('run', 'test', selected.epoch));
    const rows = await parquetReadObjects({ file: Uint8Array.from(body!).buffer });
    const stored = rows.flatMap(({ logit_0, logit_1 }) => [Number(logit_0), Number(logit_1)]);
    const records: { text: string }[] = parse(readFileSync(spec.data.test), { columns: true });
    const copy = join(folder.path(), 'copy');
    cpSync(modelFolder(), copy, { recursive: true });

    const alone = await student(copy);
    const given = records.map(({ text }) => text);
    expect([...(await studentLogits(alone, given))]).toEqual(stored);
    const predicted = (await classify(alone, given)).map((prediction) => alone.classes.indexOf(prediction.class));
    expect(predicted).toEqual(rows.map((row) => row.predicted));
  });

  it('answers on the command line, by folder or run, from words or lines, as text or JSON', async () => {
    const predictions = await classify(await student(), texts);
    const byFolder = await run('trainer/export/classify-texts.ts', [modelFolder(), ...texts]);
    expect(
      byFolder.stdout
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0]),
    ).toEqual(predictions.map((prediction) => prediction.class));
    const byRun = await run('trainer/export/classify-texts.ts', ['run', '--json'], `${texts.join('\n')}\n\n`);
    const lines = byRun.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ text }) => text)).toEqual(texts);
    for (const [place, { probabilities }] of lines.entries())
      for (const [name, share] of Object.entries(predictions[place]!.probabilities))
        expect(probabilities[name]).toBeCloseTo(share, 5);
  });

  it('that is not whole, or no student, is refused with what to do', async () => {
    const refusal = async (...words: string[]) => (await run('trainer/export/classify-texts.ts', words)).stderr.trim();
    expect(await refusal('another', 'text')).toContain(`"another" is neither a folder nor a run in ${folder.path()}`);
    expect(await refusal(folder.path(), 'text')).toMatch(/config.json does not exist: a student is a folder with/);
    writeFileSync(join(modelFolder(), 'vocabulary.txt'), 'one\ntwo\n');
    expect(await refusal(modelFolder(), 'text')).toContain('2 words in vocabulary.txt');
  });

  it('with tensors that are not floats is refused by their names', async () => {
    const file = join(modelFolder(), 'student.safetensors');
    // The header alone names types, and both have four bytes.
    writeFileSync(file, Buffer.from(readFileSync(file).toString('latin1').replaceAll('F32', 'I32'), 'latin1'));
    const read = await readBilstm(localFolder(modelFolder()));
    const messages = read.kind === 'invalid' ? read.problems.map(({ message }) => message) : [];
    expect(messages).toContainEqual(
      expect.stringMatching(/"dense\.bias" has type I32; F32, F16 or BF16 was expected$/),
    );
    expect(messages).toContainEqual(expect.stringContaining('"embedding.weight" has type I32'));
  });
});

describe('npm run export-model', () => {
  it.each(poolings)(
    'writes a LayersModel with %s that the plain TensorFlow.js loads, with the same logits',
    async (_, pooling) => {
      await trainWith(pooling);
      const output = join(folder.path(), 'tfjs');
      expect(await exportModel('pooled', '--format', 'tfjs', '--output', output)).toMatchObject({ code: 0 });
      const stored = await student(modelFolder('pooled'));
      const { words } = padded(stored);
      const script = join(repository, 'test/testkit/tfjs-logits.js');
      const printed = execFileSync(process.execPath, [script], {
        input: JSON.stringify({ folder: output, words }),
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      const logits = JSON.parse(printed.toString().trim().split('\n').at(-1)!).flat();
      expect(largestDifference(logits, await studentLogits(stored, texts))).toBeLessThan(1e-5);
      expect(existsSync(join(output, 'vocabulary.txt'))).toBe(true);
    },
  );

  it('copies the folder, and the copy is a student', async () => {
    const output = join(folder.path(), 'copy');
    expect(await exportModel('run', '--format', 'folder', '--output', output)).toMatchObject({ code: 0 });
    expect(await student(output)).toEqual(await student());
  });

  it('copies with a pruned model which zeros are kept, and does not take a transformer for a BiLSTM', async () => {
    const { data, execution } = tinyRun(folder.path(), 'finetune');
    const pruned: RunSpecInput = {
      ...{ version: 2, runId: 'pruned', method: 'magnitude', data, execution },
      student: { kind: 'run', runId: 'teacher' },
    };
    await attemptIn(folder.path(), tinyRun(folder.path(), 'finetune', { runId: 'teacher', parameters: { epochs: 1 } }));
    expect(await attemptIn(folder.path(), pruned)).toMatchObject({ outcome: 'succeeded' });
    const output = join(folder.path(), 'pruned');
    expect(await exportModel('pruned', '--format', 'folder', '--output', output)).toMatchObject({ code: 0 });
    expect(readdirSync(output)).toEqual(expect.arrayContaining(['config.json', 'model.safetensors', 'pruning.json']));
    const onnx = await exportModel('pruned', '--format', 'onnx', '--output', join(folder.path(), 'onnx'));
    expect(onnx.stderr).toContain('holds a transformer: a BiLSTM student is needed');
  });

  it('says all that is wrong with what is asked, and what a run is not', async () => {
    const refusal = async (...words: string[]) => (await exportModel(...words)).stderr.trim().split('\n');
    expect(await refusal('--format', 'torch', '--output', folder.path())).toEqual([
      expect.stringContaining('give the id of one run'),
      expect.stringContaining('must be one of folder, tfjs, onnx, peft; given torch'),
      expect.stringContaining('is not empty'),
    ]);
    const nowhere = ['--output', join(folder.path(), 'nowhere')];
    expect(await refusal('unknown', '--format', 'folder', ...nowhere)).toEqual([
      expect.stringContaining('"unknown" is neither a folder nor a run'),
    ]);
    await storeOf(folder.path()).write('runs/waiting/spec.json', '{}');
    expect(await refusal('waiting', '--format', 'onnx', ...nowhere)).toEqual([
      expect.stringContaining('run "waiting" has no result yet'),
    ]);
    expect(await refusal('run', '--format', 'peft', ...nowhere)).toEqual([
      expect.stringContaining('left no adapter: peft takes runs of a method that ends in "-lora"'),
    ]);
    await attemptIn(folder.path(), tinyRun(folder.path(), 'finetune', { runId: 'teacher' }));
    expect(await refusal('teacher', '--format', 'tfjs', ...nowhere)).toEqual([
      `"teacher" trained a teacher: tfjs takes a student's run`,
    ]);
    expect(existsSync(join(folder.path(), 'nowhere'))).toBe(false);
  });
});

describeWithPython('the ONNX model of a student', ['numpy', 'onnx', 'onnxruntime'], () => {
  it.each(poolings)(
    'with %s passes the checker, and gives the same logits in onnxruntime whatever is behind the ends',
    async (_, pooling) => {
      await trainWith(pooling);
      const output = join(folder.path(), 'onnx');
      expect(await exportModel('pooled', '--format', 'onnx', '--output', output)).toMatchObject({ code: 0 });
      const stored = await student(modelFolder('pooled'));
      const { words, lengths } = padded(stored, 2);
      const model = join(output, 'model.onnx');
      const logits = runPython<number[][]>('onnx_logits.py', { model, words, lengths }).flat();
      expect(largestDifference(logits, await studentLogits(stored, texts))).toBeLessThan(1e-5);
    },
  );
});
