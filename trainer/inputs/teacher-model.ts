import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { modelKey, resultKey } from '../../contract/keys';
import { methods } from '../../contract/methods';
import type { ObjectStore } from '../../contract/objects/object-store';
import { resultSchema } from '../../contract/records';
import type { Checked, Problem, RunSpec } from '../../contract/run-spec';
import type { Classifier } from '../methods/method';
import { patientLayers } from '../methods/pkd';
import { bertHiddenStates, bertLogits } from '../models/bert';
import { type BertConfig, bertConfig, initialiseBert } from '../models/bert-config';
import { loraScale, mergeLora } from '../models/lora';
import { addedPart, loraSettings, type PartlyTrained, partlyTrained } from '../models/peft';
import { peftAdapter } from '../models/peft-adapter';
import { exportTeacher, localFolder, type ModelFiles, readTeacher, type Teacher } from '../models/teacher';
import { randomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { modelFolder } from '../sources/model-folder';
import { type HiddenStates, hiddenStateCache } from '../teacher/hidden-states';
import {
  createTokenizer,
  type TeacherTokenizer,
  type TokenizerFiles,
  wordVocabularyFile,
} from '../tokenizers/tokenizer';
import type { InputSetting } from './setting';

/** A teacher as a run uses it. */
export interface TeacherModel {
  tokenizer: TeacherTokenizer;
  /** What learns, to begin with; empty in kd. */
  learning: Weights;
  /** What does not. */
  frozen: Weights;
  classifier: Classifier;
  config: BertConfig;
  /** Where the lower layers do not learn, what comes out of these: empty at first. null: every layer may change. */
  hiddenStates: HiddenStates | null;
  /** What besides weights and tokens decides its logits. */
  constants: unknown;
  /** Whether its pooler and classifier have been trained: before that its scores mean nothing. */
  hasTrainedHead: boolean;
  notes: string[];
  /** A Hugging Face folder that other runs take as their teacher: LoRA and DoRA merged, vocabulary included. */
  exportFiles(learnt: Weights): Promise<Record<string, Uint8Array | string>>;
  /** What learnt as an adapter of peft; null where it is no LoRA or DoRA of a base that other programs have. */
  adapterFiles: ((learnt: Weights) => Promise<Record<string, Uint8Array>>) | null;
}

/** Where a teacher's files are; null for one that has none: random weights, or labels. */
export async function locateTeacher(
  spec: RunSpec,
  { objects, ...sources }: Pick<InputSetting, 'objects' | 'cacheDirectory' | 's3'>,
): Promise<Checked<{ files: ModelFiles | null; notes: string[] }>> {
  const { teacher } = spec;
  if (teacher === null || teacher.kind === 'random' || teacher.kind === 'labels')
    return { kind: 'valid', value: { files: null, notes: [] } };
  if (teacher.kind === 'run') return filesOfRun(teacher.runId, spec, objects);
  const folder = await modelFolder(teacher.location, sources);
  if (folder.kind === 'invalid') return folder;
  const missing = await missingFiles(folder.value);
  return missing.length > 0
    ? { kind: 'invalid', problems: missing }
    : { kind: 'valid', value: { files: localFolder(folder.value), notes: [] } };
}

/** Looked for before anything is read, so that it is told together with what else is missing. */
async function missingFiles(folder: string): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const name of ['config.json', 'model.safetensors']) {
    const file = join(folder, name);
    await access(file).catch(() =>
      problems.push({
        path: 'teacher.location',
        message: `${file} does not exist: a teacher is a folder with config.json, model.safetensors and its vocabulary`,
      }),
    );
  }
  return problems;
}

/** The model that a fine-tuning run left behind. */
async function filesOfRun(
  runId: string,
  { parameters }: RunSpec,
  objects: ObjectStore,
): Promise<Checked<{ files: ModelFiles; notes: string[] }>> {
  const invalid = (message: string) => ({ kind: 'invalid' as const, problems: [{ path: 'teacher.runId', message }] });
  const body = await objects.read(resultKey(runId));
  if (body === null) return invalid(`run "${runId}" has no result: give a fine-tuning run that has finished`);
  const { spec } = resultSchema.parse(JSON.parse(Buffer.from(body).toString()));
  if (methods[spec.method].trains !== 'teacher')
    return invalid(`run "${runId}" is of method "${spec.method}", which leaves a student: give a fine-tuning run`);
  const differing = (['preprocessing', 'maxTokens', 'splitSeed', 'devShare', 'quizShare'] as const).filter(
    (name) => spec.parameters[name] !== parameters[name],
  );
  const notes = differing.map(
    (name) =>
      `the teacher was fine-tuned with ${name} ${JSON.stringify(spec.parameters[name])}, this run has ${JSON.stringify(parameters[name])}`,
  );
  const files = {
    location: modelKey(runId, '').slice(0, -1),
    read: (file: string) => objects.read(modelKey(runId, file)),
  };
  return { kind: 'valid', value: { files, notes } };
}

/**
 * Loads or initialises the teacher of a run.
 *
 * @param files null: random weights, over a vocabulary of `trainTexts`.
 * @param classes labels in the order of the logits.
 */
export async function buildTeacher(
  spec: RunSpec,
  files: ModelFiles | null,
  classes: readonly string[],
  trainTexts: readonly string[],
): Promise<Checked<TeacherModel>> {
  const random = randomStream(spec.seed, 'teacher');
  const [tokenizer, teacher] =
    files === null ? randomTeacher(spec, classes, trainTexts) : await storedTeacher(files, classes, random);
  // Told by where the definition names them; the messages name the file and the field or tensor in it.
  const problems: Problem[] = [tokenizer, teacher].flatMap((part) =>
    part.kind === 'invalid' ? part.problems.map(({ message }) => ({ path: 'teacher', message })) : [],
  );
  if (tokenizer.kind === 'invalid' || teacher.kind === 'invalid') return { kind: 'invalid', problems };
  problems.push(...misfits(spec, teacher.value));
  if (problems.length > 0) return { kind: 'invalid', problems };

  const { config, learning, frozen } = partsOf(spec, teacher.value);
  const { teacherDropout } = spec.parameters;
  const scale = loraScale(loraSettings(spec.parameters));
  const notes = [...teacher.value.notes, ...notesOn(spec, teacher.value)];
  const hiddenStates = unchangingStates(spec, config, frozen);
  return {
    kind: 'valid',
    value: {
      tokenizer: tokenizer.value,
      learning,
      frozen,
      hiddenStates,
      config,
      classifier: (batch, dropout) => {
        const states = hiddenStates?.of(batch.tokens!) ?? null;
        return (weights) =>
          bertLogits({ ...frozen, ...weights }, config, batch.tokens!, {
            loraScale: scale,
            // The same substream at every call: all passes of a step share their masks.
            dropout: dropout && { rate: teacherDropout, random: dropout.substream('masks') },
            from: states && { layer: hiddenStates!.layer, states },
          });
      },
      constants: { config, loraScale: scale },
      hasTrainedHead: teacher.value.hasTrainedHead,
      notes,
      exportFiles: async (learnt) => ({
        ...(await exportTeacher(mergeLora({ ...frozen, ...learnt }, scale), config, classes)),
        ...presentFiles(tokenizer.value.files),
      }),
      adapterFiles: hasAdapter(spec, config)
        ? (learnt) => peftAdapter({ ...frozen, ...learnt }, spec.parameters, baseOf(spec))
        : null,
    },
  };
}

type Parts = [Checked<TeacherTokenizer>, Checked<Teacher>];

function randomTeacher(
  { teacher, parameters, seed }: RunSpec,
  classes: readonly string[],
  trainTexts: readonly string[],
): Parts {
  if (teacher?.kind !== 'random') throw new Error('only a random teacher comes without files');
  const vocabulary = wordVocabularyFile(trainTexts, parameters.minWordCount);
  const tokenizer = createTokenizer(
    { 'vocab.txt': vocabulary, 'tokenizer.json': null, 'tokenizer_config.json': null },
    null,
  );
  if (tokenizer.kind === 'invalid') return [tokenizer, tokenizer];
  const config: BertConfig = {
    ...bertConfig({ ...teacher, vocabularySize: tokenizer.value.vocabularySize }),
    // BERT-base's 0.02 at its width of 768. A narrow encoder drawn so small lets hardly a token through, and does not learn.
    initializerRange: 0.02 * Math.sqrt(768 / teacher.hidden),
  };
  const weights = initialiseBert(config, classes.length, randomStream(seed, 'teacher'));
  const notes = ['the teacher started from random weights'];
  return [tokenizer, { kind: 'valid', value: { config, weights, hasTrainedHead: false, notes } }];
}

async function storedTeacher(
  files: ModelFiles,
  classes: readonly string[],
  random: ReturnType<typeof randomStream>,
): Promise<Parts> {
  const text = async (file: string) => {
    const body = await files.read(file);
    return body && Buffer.from(body).toString();
  };
  const teacher = await readTeacher(files, classes, random);
  const tokenizer = createTokenizer(
    {
      'vocab.txt': await text('vocab.txt'),
      'tokenizer.json': await text('tokenizer.json'),
      'tokenizer_config.json': await text('tokenizer_config.json'),
    },
    teacher.kind === 'valid' ? teacher.value.config.vocabularySize : null,
  );
  return [tokenizer, teacher];
}

/** What of a definition a teacher of this size cannot do. */
function misfits({ method, parameters }: RunSpec, { config }: Teacher): Problem[] {
  const problems: Problem[] = [];
  if (parameters.maxTokens > config.maxPositions)
    problems.push({
      path: 'parameters.maxTokens',
      message: `${parameters.maxTokens} tokens, but the teacher has ${config.maxPositions} positions`,
    });
  if (method === 'pkd' && patientLayers(parameters.patientLayers, config.layers).length === 0)
    problems.push({
      path: 'parameters.patientLayers',
      message: `"${parameters.patientLayers}" leaves no layer of a teacher of ${config.layers}: ${parameters.patientLayers === 'skip' && config.layers === 2 ? 'use "last", or ' : ''}give a deeper teacher`,
    });
  if (!trainsPart(method)) return problems;
  const beyond = (parameters.loraLayers ?? []).filter((layer) => layer >= config.layers);
  if (beyond.length > 0) {
    const message = `no layer ${beyond.join(', ')}: the teacher has layers 0 to ${config.layers - 1}`;
    return [...problems, { path: 'parameters.loraLayers', message }];
  }
  const added = addedPart(config, parameters);
  const present = added && config[added.kind];
  if (added && present && JSON.stringify(present) !== JSON.stringify(added.part))
    problems.push({
      path: 'parameters.peft',
      message: `the teacher has ${added.kind} of size ${present.size} in layers ${present.layers.join(', ')} already, not of size ${added.part.size} in layers ${added.part.layers.join(', ')}: take those, or another peft`,
    });
  return problems;
}

/** Whether only a part of the teacher learns, the one that `peft` names. */
const trainsPart = (method: RunSpec['method']): boolean => method.endsWith('-lora');

function hasAdapter({ method, teacher, parameters: { peft } }: RunSpec, { adapters, prefixes }: BertConfig): boolean {
  const isPlainBert = teacher?.kind !== 'random' && adapters === null && prefixes === null;
  return trainsPart(method) && isPlainBert && (peft === 'lora' || peft === 'dora');
}

function baseOf({ teacher }: RunSpec): string {
  if (teacher?.kind === 'run') return modelKey(teacher.runId, '').slice(0, -1);
  return teacher?.kind === 'folder' ? teacher.location.replace(/^hf:/, '') : '';
}

/** Which weights of the teacher learn: none where it is frozen, those of `peft` under a student, with the head in finetune-lora, else all. */
function partsOf({ method, parameters, seed }: RunSpec, { weights, config }: Teacher): PartlyTrained {
  if (methods[method].teacherUse !== 'learns') return { config, learning: {}, frozen: weights };
  if (!trainsPart(method)) return { config, learning: weights, frozen: {} };
  const part = partlyTrained(config, weights, parameters, randomStream(seed, 'lora'));
  if (methods[method].trains === 'student') return part;
  const isHead = (name: string) => name.startsWith('pooler.') || name.startsWith('classifier.');
  const those = (wanted: boolean) =>
    Object.fromEntries(Object.entries(part.frozen).filter(([name]) => isHead(name) === wanted));
  return { ...part, learning: { ...part.learning, ...those(true) }, frozen: those(false) };
}

/** Below the lowest layer in which something learns, without dropout, what enters it is the same at every step. */
function unchangingStates({ method, parameters }: RunSpec, config: BertConfig, frozen: Weights): HiddenStates | null {
  const lowest = Math.min(...(parameters.loraLayers ?? [0]));
  const drops = method === 'finetune-lora' && parameters.teacherDropout > 0;
  if (!trainsPart(method) || drops || lowest === 0) return null;
  return hiddenStateCache(lowest, config.hidden, (tokens) => bertHiddenStates(frozen, config, tokens, lowest));
}

function notesOn({ method, parameters }: RunSpec, { config }: Teacher): string[] {
  const isAdded = trainsPart(method) && parameters.peft === 'prefix' && config.prefixes === null;
  if (!isAdded || methods[method].trains === 'teacher') return [];
  return ['new prefixes changed the teacher before they had learnt: give one that was fine-tuned with peft "prefix"'];
}

function presentFiles(files: TokenizerFiles): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== null));
}
