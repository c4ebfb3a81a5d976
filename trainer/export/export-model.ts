import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { adapterFolder, exitCodes } from '../../contract/keys';
import { methods } from '../../contract/methods';
import type { Result } from '../../contract/records';
import type { Checked } from '../../contract/run-spec';
import { startEngine } from '../engine/engine';
import type { ModelFiles } from '../models/model-files';
import { peftAdapterFiles } from '../models/peft/peft-adapter';
import { bilstmFileNames, readBilstm, type StoredBilstm } from '../models/word/folder';
import { objectsOf, objectsUsage, readArguments, refuse } from './arguments';
import { onnxModel } from './onnx';
import { invalid, modelOfRun } from './run-model';
import { tensorflowJsFiles } from './tensorflow-js';

type Files = Record<string, Uint8Array | string>;

const formats = {
  folder: 'the model as the run left it: a student for `npm run predict`, a teacher as a Hugging Face folder',
  tfjs: "a student as a LayersModel of TensorFlow.js: word ids [b, t], 0 behind a text's end, to logits",
  onnx: 'a student as an ONNX model: words int64 [b, t] and lengths int32 [b] to logits',
  peft: "the teacher's LoRA or DoRA weights, pooler and classifier as an adapter of the Python library peft",
} as const;
type Format = keyof typeof formats;

const help = `Writes the model of a finished run for other programs. Needs no server.

  npm run export-model -- RUN --format FORMAT [--output FOLDER]

${Object.entries(formats)
  .map(([name, what]) => `  ${name.padEnd(8)} ${what}`)
  .join('\n')}

  --output FOLDER  new or empty [RUN-FORMAT]
  ${objectsUsage}
  --help           this text
`;

async function main(): Promise<number> {
  const given = readArguments({
    format: { type: 'string' },
    output: { type: 'string' },
    objects: { type: 'string' },
    help: { type: 'boolean' },
  });
  if (given.kind === 'invalid') return refuse(given.problems);
  const { values, positionals } = given.value;
  if (values.help === true) {
    process.stdout.write(help);
    return exitCodes.succeeded;
  }
  const [runId, ...more] = positionals;
  const format = Object.keys(formats).find((name) => name === values.format) as Format | undefined;
  const problems: string[] = [];
  if (runId === undefined || more.length > 0) problems.push('give the id of one run. See --help.');
  if (format === undefined)
    problems.push(`--format: must be one of ${Object.keys(formats).join(', ')}; given ${values.format ?? 'nothing'}`);
  const folder = resolve(values.output ?? `${runId}-${format}`);
  const present = await readdir(folder).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : null));
  if (present === null || present.length > 0)
    problems.push(`--output: ${folder} ${present === null ? 'is no folder' : 'is not empty'}: name another one`);
  if (runId === undefined || format === undefined || problems.length > 0)
    return refuse(problems.map((message) => ({ path: '', message })));

  const runs = await objectsOf(values.objects);
  if (runs.kind === 'invalid') return refuse(runs.problems);
  const model = await modelOfRun(runs.value, runId);
  const files = model.kind === 'invalid' ? model : await filesIn(format, model.value);
  if (files.kind === 'invalid') return refuse(files.problems);
  await mkdir(folder, { recursive: true });
  for (const [name, body] of Object.entries(files.value)) await writeFile(join(folder, name), body);
  process.stdout.write(`${Object.keys(files.value).join(', ')} in ${folder}\n`);
  return exitCodes.succeeded;
}

async function filesIn(format: Format, model: { result: Result; files: ModelFiles }): Promise<Checked<Files>> {
  const isStudent = methods[model.result.spec.method].trains === 'student';
  switch (format) {
    case 'folder':
      return copyOf(model.files, ...folderFiles(model.result));
    case 'peft':
      return adapterOf(model);
    case 'tfjs':
    case 'onnx':
      if (!isStudent)
        return invalid('run', `"${model.result.runId}" trained a teacher: ${format} takes a student's run`);
      return studentIn(format, model.files);
  }
}

/** Files of a run's model: those required, and those that not every model has. */
function folderFiles({ modelFiles, spec }: Result): [required: readonly string[], optional: readonly string[]] {
  // The adapter in a folder of its own is the format peft.
  if (modelFiles !== undefined) return [modelFiles.map(({ name }) => name).filter((name) => !name.includes('/')), []];
  return methods[spec.method].trains === 'student'
    ? [bilstmFileNames, []]
    : [
        ['config.json', 'model.safetensors'],
        ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json'],
      ];
}

async function studentIn(format: 'tfjs' | 'onnx', files: ModelFiles): Promise<Checked<Files>> {
  const student = await readBilstm(files);
  if (student.kind === 'invalid') return student;
  const reading = await copyOf(files, ['config.json', 'vocabulary.txt']);
  if (reading.kind === 'invalid') return reading;
  return { kind: 'valid', value: { ...reading.value, ...(await convert(format, student.value)) } };
}

async function convert(format: 'tfjs' | 'onnx', student: StoredBilstm): Promise<Files> {
  if (format === 'onnx') return { 'model.onnx': onnxModel(student) };
  await startEngine({ engine: 'portable', device: 'cpu', threads: 1 });
  return tensorflowJsFiles(student);
}

async function adapterOf({ result, files }: { result: Result; files: ModelFiles }): Promise<Checked<Files>> {
  const adapter = await copyOf({ ...files, read: (name) => files.read(`${adapterFolder}/${name}`) }, peftAdapterFiles);
  if (adapter.kind === 'valid') return adapter;
  const { method, parameters, teacher, runId } = result.spec;
  return invalid(
    'run',
    `run "${runId}" left no adapter: peft takes runs of a method that ends in "-lora", with peft "lora" or "dora" and a pre-trained teacher; this one has method "${method}", peft "${parameters.peft}", teacher ${teacher?.kind ?? 'none'}`,
  );
}

/** The files as they are, those in `optional` where they are there. */
async function copyOf(
  files: ModelFiles,
  required: readonly string[],
  optional: readonly string[] = [],
): Promise<Checked<Files>> {
  const copied: Files = {};
  for (const name of [...required, ...optional]) {
    const body = await files.read(name);
    if (body !== null) copied[name] = body;
    else if (required.includes(name)) return invalid('run', `${join(files.location, name)} does not exist`);
  }
  return { kind: 'valid', value: copied };
}

// An engine may keep threads alive that would hold the process open.
main().then((code) => process.exit(code));
