import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { resultKey } from '../../contract/keys';
import { methods } from '../../contract/methods';
import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import { readStored } from '../../contract/objects/stored-json';
import { resultSchema } from '../../contract/records';
import type { Checked, Problem, RunSpec, StudentSource, TeacherSource } from '../../contract/run-spec';
import type { Role } from '../data/batch';
import { localFolder, type ModelFiles } from '../models/model-files';
import { runFiles } from '../models/run-files';
import { locateFile } from '../sources/input-file';
import { modelFolder } from '../sources/model-folder';
import type { InputSources } from '../sources/sources';
import type { SourceRun } from './learnt-rows';
import type { InputSetting } from './setting';

/** What a model is loaded from, and what a reader of the result should know about it. */
export interface LocatedModel {
  /** null for a model that has none: a new one, or labels. */
  files: ModelFiles | null;
  /** Path of word vectors for a new BiLSTM; null: random ones. */
  vectorsFile: string | null;
  /** The run that left the model; null for a model of another kind. */
  run: SourceRun | null;
  notes: string[];
}

export const nothingToLocate: LocatedModel = { files: null, vectorsFile: null, run: null, notes: [] };

/** Finds the files of one of a run's models, so that missing ones are reported together with other missing inputs. */
export async function locateModel(
  role: Role,
  source: TeacherSource | StudentSource | null,
  spec: RunSpec,
  { objects, ...sources }: Pick<InputSetting, 'objects' | 'cacheDirectory' | 's3'>,
): Promise<Checked<LocatedModel>> {
  switch (source?.kind) {
    case 'run':
      return modelOfRun(role, source.runId, spec, objects);
    case 'folder':
      return modelInFolder(role, source.location, sources);
    case 'bilstm': {
      if (source.vectors === null) return { kind: 'valid', value: nothingToLocate };
      const vectors = await locateVectors(`${role}.vectors`, source.vectors, sources);
      if (vectors.kind === 'invalid') return vectors;
      return { kind: 'valid', value: { ...nothingToLocate, vectorsFile: vectors.value } };
    }
    default:
      return { kind: 'valid', value: nothingToLocate };
  }
}

async function modelInFolder(role: Role, location: string, sources: InputSources): Promise<Checked<LocatedModel>> {
  const folder = await modelFolder(location, sources);
  const problems = folder.kind === 'invalid' ? folder.problems : await missingFiles(folder.value);
  return folder.kind === 'invalid' || problems.length > 0
    ? { kind: 'invalid', problems: problems.map(({ message }) => ({ path: `${role}.location`, message })) }
    : { kind: 'valid', value: { ...nothingToLocate, files: localFolder(folder.value) } };
}

async function missingFiles(folder: string): Promise<Problem[]> {
  const problems: Problem[] = [];
  const isThere = (name: string) =>
    access(join(folder, name)).then(
      () => true,
      () => false,
    );
  if (await isThere('student.safetensors')) return [];
  for (const name of ['config.json', 'model.safetensors'])
    if (!(await isThere(name)))
      problems.push({
        path: 'location',
        message: `${join(folder, name)} does not exist: a transformer is a folder with config.json, model.safetensors and its vocabulary`,
      });
  return problems;
}

async function locateVectors(path: string, location: string, sources: InputSources): Promise<Checked<string>> {
  const invalid = (message: string): Checked<never> => ({ kind: 'invalid', problems: [{ path, message }] });
  const file = await locateFile(location, 'dataset', sources);
  if (file.kind !== 'found') return invalid(file.message);
  const isThere = await access(file.path).then(
    () => true,
    () => false,
  );
  return isThere
    ? { kind: 'valid', value: file.path }
    : invalid(`"${location}" does not exist: give the absolute path of a file, or null for random vectors`);
}

/** Settings of a run that decide what its model has learnt, and from which rows. */
const sharedSettings = ['preprocessing', 'maxTokens', 'splitSeed', 'devShare', 'quizShare'] as const;

/** The model that a run left behind. */
async function modelOfRun(
  role: Role,
  runId: string,
  { parameters }: RunSpec,
  objects: InputSetting['objects'],
): Promise<Checked<LocatedModel>> {
  const invalid = (message: string) => ({ kind: 'invalid' as const, problems: [{ path: `${role}.runId`, message }] });
  const run = await orDamage(readStored(objects, resultKey(runId), resultSchema));
  if (run instanceof DamagedObjectError) return invalid(run.message);
  if (run === null) return invalid(`run "${runId}" has no result: give a run that has succeeded`);
  const { method, parameters: before } = run.spec;
  const trained = methods[method].trains === 'teacher' ? 'fine-tuned' : 'trained';
  const notes = sharedSettings
    .filter((name) => before[name] !== parameters[name])
    .map(
      (name) =>
        `the ${role} was ${trained} with ${name} ${JSON.stringify(before[name])}, this run has ${JSON.stringify(parameters[name])}`,
    );
  return { kind: 'valid', value: { ...nothingToLocate, files: runFiles(objects, run), run, notes } };
}
