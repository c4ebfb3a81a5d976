import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { resultKey } from '../../contract/keys';
import { methods } from '../../contract/methods';
import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import { readStored } from '../../contract/objects/stored-json';
import { resultSchema } from '../../contract/records';
import type { Checked, Problem, RunSpec } from '../../contract/run-spec';
import { localFolder, type ModelFiles } from '../models/model-files';
import { runFiles } from '../models/run-files';
import { modelFolder } from '../sources/model-folder';
import type { InputSetting } from './setting';
import type { TeacherRun } from './teacher-rows';

/** Files of a model, and what a reader of the result should know about them. */
export interface LocatedModel {
  /** null for a model that has none: random weights, or labels. */
  files: ModelFiles | null;
  /** The fine-tuning run that left it; null for a model of another kind. */
  teacherRun: TeacherRun | null;
  notes: string[];
}

/** Finds the files of a run's teacher, so that missing ones are reported together with other missing inputs. */
export async function locateTeacher(
  spec: RunSpec,
  { objects, ...sources }: Pick<InputSetting, 'objects' | 'cacheDirectory' | 's3'>,
): Promise<Checked<LocatedModel>> {
  const { teacher } = spec;
  if (teacher === null || teacher.kind === 'random' || teacher.kind === 'labels')
    return { kind: 'valid', value: { files: null, teacherRun: null, notes: [] } };
  if (teacher.kind === 'run') return filesOfRun(teacher.runId, spec, objects);
  const folder = await modelFolder(teacher.location, sources);
  if (folder.kind === 'invalid') return folder;
  const missing = await missingFiles(folder.value);
  return missing.length > 0
    ? { kind: 'invalid', problems: missing }
    : { kind: 'valid', value: { files: localFolder(folder.value), teacherRun: null, notes: [] } };
}

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
  objects: InputSetting['objects'],
): Promise<Checked<LocatedModel>> {
  const invalid = (message: string) => ({ kind: 'invalid' as const, problems: [{ path: 'teacher.runId', message }] });
  const teacherRun = await orDamage(readStored(objects, resultKey(runId), resultSchema));
  if (teacherRun instanceof DamagedObjectError) return invalid(teacherRun.message);
  if (teacherRun === null) return invalid(`run "${runId}" has no result: give a fine-tuning run that has finished`);
  const { spec } = teacherRun;
  if (methods[spec.method].trains !== 'teacher')
    return invalid(`run "${runId}" is of method "${spec.method}", which leaves a student: give a fine-tuning run`);
  const differing = (['preprocessing', 'maxTokens', 'splitSeed', 'devShare', 'quizShare'] as const).filter(
    (name) => spec.parameters[name] !== parameters[name],
  );
  const notes = differing.map(
    (name) =>
      `the teacher was fine-tuned with ${name} ${JSON.stringify(spec.parameters[name])}, this run has ${JSON.stringify(parameters[name])}`,
  );
  return { kind: 'valid', value: { files: runFiles(objects, teacherRun), teacherRun, notes } };
}
