import { modelKey } from '../../contract/keys';
import { isCompression, methods } from '../../contract/methods';
import type { Checked, Problem, RunSpec } from '../../contract/run-spec';
import { compressions } from '../compression';
import type { Role } from '../data/batch';
import { methodDefinitions } from '../methods';
import {
  type Classifier,
  inputsOf,
  type LoadedModel,
  type Model,
  type PeftBase,
  type SavedFiles,
  type StateReader,
} from '../models/model';
import { loraScale } from '../models/peft/lora';
import { insertedModule, loraSettings, partlyTrained } from '../models/peft/peft';
import { peftAdapter } from '../models/peft/peft-adapter';
import { savedAsSparse } from '../models/sparse';
import { attentionName, embeddingName } from '../models/word/bilstm';
import { randomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { type HiddenStates, hiddenStateCache } from '../teacher/hidden-states';
import { loadModel } from './load-model';
import type { LocatedModel } from './locate-model';

/** A model in its part of a run. */
export interface RunModel {
  role: Role;
  model: Model;
  /** The weights that learn, at the start; empty for a frozen model. */
  learning: Weights;
  frozen: Weights;
  classifier: Classifier;
  states: StateReader;
  /** Cache of the frozen lower layers' outputs, filled lazily; null when every layer may change. */
  hiddenStates: HiddenStates | null;
  isTrained: boolean;
  /** Matrices whose zeros are kept, or are made by a compression. */
  sparseMatrices: readonly string[];
  notes: string[];
  /** A folder that other runs take as their model; LoRA and DoRA merged. */
  exportFiles(learnt: Weights): Promise<SavedFiles>;
  /** The learnt part as an adapter of peft; null if it is no LoRA or DoRA of a base that other programs have. */
  adapterFiles: ((learnt: Weights) => Promise<SavedFiles>) | null;
}

/** Loads the student of a run. */
export async function buildStudent(
  spec: RunSpec,
  located: Pick<LocatedModel, 'files' | 'vectorsFile'>,
  classes: readonly string[],
  trainTexts: readonly string[],
): Promise<Checked<RunModel>> {
  const { student } = spec;
  if (student === null) throw new Error(`a run of method "${spec.method}" has no student`);
  const loaded = await loadModel('student', student, located, spec, classes, trainTexts);
  return loaded.kind === 'invalid' ? loaded : studentOfRun(spec, loaded.value);
}

/** Loads the teacher of a run, which is a model. */
export async function buildTeacher(
  spec: RunSpec,
  located: Pick<LocatedModel, 'files' | 'vectorsFile'>,
  classes: readonly string[],
  trainTexts: readonly string[],
): Promise<Checked<RunModel>> {
  const { teacher } = spec;
  if (teacher === null || teacher.kind === 'labels') throw new Error('the teacher of the run is no model');
  const loaded = await loadModel('teacher', teacher, located, spec, classes, trainTexts);
  return loaded.kind === 'invalid' ? loaded : teacherOfRun(spec, loaded.value);
}

/** The student of a run: all of it learns, except for a word embedding that is kept frozen. */
function studentOfRun(
  { method, parameters }: RunSpec,
  { model: loaded, weights, isTrained, sparseMatrices: before, notes }: LoadedModel,
): Checked<RunModel> {
  const made = isCompression(method) ? compressions[method].sparseMatrices(loaded) : [];
  const sparseMatrices = [...new Set([...before, ...made])];
  const model = made.length > 0 ? savedAsSparse(loaded, sparseMatrices) : loaded;
  const problems = tooManyTokens('student', parameters, model);
  if (methods[method].needs.student === 'attention' && !(attentionName in weights))
    problems.push({
      path: 'student',
      message: `${method} teaches the attention of its student, and this one has none`,
    });
  if (problems.length > 0) return { kind: 'invalid', problems };
  const { [embeddingName]: embedding, ...rest } = weights;
  const isFrozen = !parameters.embeddingTrainable && embedding !== undefined;
  const parts: Parts = isFrozen
    ? { learning: rest, frozen: { [embeddingName]: embedding } }
    : { learning: weights, frozen: {} };
  return { kind: 'valid', value: runModel('student', model, parts, { isTrained, sparseMatrices, notes }) };
}

/** The teacher of a run: as much of it learns as the method and `peft` choose. @returns what does not fit together */
function teacherOfRun(spec: RunSpec, loaded: LoadedModel): Checked<RunModel> {
  const problems = misfits(spec, loaded);
  if (problems.length > 0) return { kind: 'invalid', problems };
  const { model, parts } = divided(spec, loaded);
  const { isTrained, sparseMatrices } = loaded;
  const notes = [...loaded.notes, ...notesOn(spec, loaded.model)];
  const hiddenStates = unchangingStates(spec, model, parts.frozen);
  const run = runModel('teacher', model, parts, { isTrained, sparseMatrices, notes, hiddenStates });
  const { head, peft } = model;
  if (peft === null || !leavesAdapter(spec, peft.base)) return { kind: 'valid', value: run };
  const names = { head, nameInFile: peft.nameInFile };
  const adapterFiles = (learnt: Weights) =>
    peftAdapter(names, { ...parts.frozen, ...learnt }, spec.parameters, baseOf(spec));
  return { kind: 'valid', value: { ...run, adapterFiles } };
}

type Parts = Pick<RunModel, 'learning' | 'frozen'>;

function runModel(
  role: Role,
  model: Model,
  { learning, frozen }: Parts,
  rest: Pick<RunModel, 'isTrained' | 'sparseMatrices' | 'notes'> & { hiddenStates?: HiddenStates | null },
): RunModel {
  const { hiddenStates = null } = rest;
  return {
    ...rest,
    role,
    model,
    learning,
    frozen,
    hiddenStates,
    classifier: (batch, dropout) => {
      const inputs = inputsOf(batch, role);
      const states = hiddenStates?.of(inputs) ?? null;
      const logits = model.logits(inputs, { dropout, from: states && { layer: hiddenStates!.layer, states } });
      const { tangent } = logits;
      return Object.assign((learnt: Weights) => logits({ ...frozen, ...learnt }), {
        ...(tangent && {
          tangent: (learnt: Weights, direction: Weights) => tangent({ ...frozen, ...learnt }, direction),
        }),
      });
    },
    states: (batch, dropout) => {
      const states = model.states(inputsOf(batch, role), { dropout });
      return (learnt) => states({ ...frozen, ...learnt });
    },
    exportFiles: (learnt) => model.save({ ...frozen, ...learnt }),
    adapterFiles: null,
  };
}

/** What the definition asks for and a teacher of this size cannot do. */
function misfits({ method, parameters }: RunSpec, { model, sparseMatrices }: LoadedModel): Problem[] {
  const { sizes, peft, description } = model;
  const problems = tooManyTokens('teacher', parameters, { sizes });
  if (!isCompression(method)) problems.push(...(methodDefinitions[method].problems?.(parameters, sizes) ?? []));
  if (!trainsPart(method)) return problems;
  if (peft === null)
    return [
      ...problems,
      { path: 'teacher', message: `${method} trains a part of a transformer: ${description} has none` },
    ];
  if (sparseMatrices.length > 0)
    return [
      ...problems,
      {
        path: 'teacher',
        message: `it was pruned, and ${method} would fill its zeros: give a model that was not, or train all of it`,
      },
    ];
  const beyond = (parameters.loraLayers ?? []).filter((layer) => layer >= sizes.layers);
  if (beyond.length > 0) {
    const message = `no layer ${beyond.join(', ')}: the teacher has layers 0 to ${sizes.layers - 1}`;
    return [...problems, { path: 'parameters.loraLayers', message }];
  }
  const wanted = insertedModule(peft.base, parameters);
  const present = wanted && peft.base.inserted[wanted.kind];
  if (wanted && present && JSON.stringify(present) !== JSON.stringify(wanted.module))
    problems.push({
      path: 'parameters.peft',
      message: `the teacher has ${wanted.kind} of size ${present.size} in layers ${present.layers.join(', ')} already, not of size ${wanted.module.size} in layers ${wanted.module.layers.join(', ')}: take those, or another peft`,
    });
  return problems;
}

function tooManyTokens(role: Role, { maxTokens }: RunSpec['parameters'], { sizes }: Pick<Model, 'sizes'>): Problem[] {
  if (sizes.positions === null || maxTokens <= sizes.positions) return [];
  const message = `${maxTokens} tokens, but the ${role} has ${sizes.positions} positions`;
  return [{ path: 'parameters.maxTokens', message }];
}

/** Whether only the part of the teacher learns that `peft` chooses. */
const trainsPart = (method: RunSpec['method']): boolean => methods[method].teacherLearns === 'part';

function leavesAdapter({ method, teacher, parameters: { peft } }: RunSpec, { inserted }: PeftBase): boolean {
  const isPlain = teacher?.kind !== 'random' && inserted.adapters === null && inserted.prefixes === null;
  return trainsPart(method) && isPlain && (peft === 'lora' || peft === 'dora');
}

function baseOf({ teacher }: RunSpec): string {
  if (teacher?.kind === 'run') return modelKey(teacher.runId, '').slice(0, -1);
  return teacher?.kind === 'folder' ? teacher.location.replace(/^hf:/, '') : '';
}

/** Which weights of the teacher learn: none if it is frozen, those of `peft` under a student, with the head in finetune-lora, else all. */
function divided(
  { method, parameters, seed }: RunSpec,
  { model, weights }: LoadedModel,
): { model: Model; parts: Parts } {
  if (methods[method].teacherLearns === 'nothing') return { model, parts: { learning: {}, frozen: weights } };
  if (!trainsPart(method)) return { model, parts: { learning: weights, frozen: {} } };
  if (model.peft === null) throw new Error(`${model.description} has no part that could learn by itself`);
  const { inserted, ...parts } = partlyTrained(model.peft.base, weights, parameters, randomStream(seed, 'lora'));
  const extended = model.peft.with({ inserted, loraScale: loraScale(loraSettings(parameters)) });
  if (methods[method].trains === 'student') return { model: extended, parts };
  const isHead = (name: string) => model.head.some((module) => name.startsWith(`${module}.`));
  const those = (wanted: boolean) =>
    Object.fromEntries(Object.entries(parts.frozen).filter(([name]) => isHead(name) === wanted));
  return { model: extended, parts: { learning: { ...parts.learning, ...those(true) }, frozen: those(false) } };
}

/** Cache of the states that enter the lowest layer in which something learns: without dropout they never change. */
function unchangingStates({ method, parameters }: RunSpec, model: Model, frozen: Weights): HiddenStates | null {
  const lowest = Math.min(...(parameters.loraLayers ?? [0]));
  const drops = methods[method].trains === 'teacher' && parameters.teacherDropout > 0;
  if (!trainsPart(method) || drops || lowest === 0) return null;
  return hiddenStateCache(lowest, model.sizes.hidden, (inputs) => model.statesEntering(frozen, inputs, lowest));
}

function notesOn({ method, parameters }: RunSpec, { peft }: Model): string[] {
  const isNew = trainsPart(method) && parameters.peft === 'prefix' && peft?.base.inserted.prefixes === null;
  if (!isNew || methods[method].trains === 'teacher') return [];
  return ['new prefixes changed the teacher before they had learnt: give one that was fine-tuned with peft "prefix"'];
}
