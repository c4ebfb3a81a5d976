import { createHash } from 'node:crypto';
import { methods } from '../../contract/methods';
import { defaultSelectBy } from '../../contract/metrics';
import type { RunSpec } from '../../contract/run-spec';
import { canonicalJson } from '../database/canonical-json';

/**
 * Names the variant group of a run: a hash of all that decides its result but the seed. Only hyper-parameters that the
 * method reads count, and nothing of the execution, which changes no result.
 */
export function variantGroupId(spec: RunSpec): string {
  const { variant, method, data, teacher, student, selectBy } = spec;
  const parameters = Object.fromEntries(methods[method].parameters.map((name) => [name, spec.parameters[name]]));
  // The default is left out: groups keep the ids they had before there was a choice.
  const selection = selectBy === defaultSelectBy ? {} : { selectBy };
  const models = { teacher: withoutSeed(teacher), ...studentPart(student) };
  const body = canonicalJson({ variant, method, data, ...models, parameters, ...selection });
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

/** Where every seed takes a run of its own, the group of these runs stands for it. */
function withoutSeed(source: RunSpec['teacher'] | RunSpec['student']) {
  return source?.kind === 'run' && source.groupId !== undefined ? { kind: 'run', groupId: source.groupId } : source;
}

/** A new BiLSTM is named by its vectors alone: groups keep the ids they had when every student was one. */
const studentPart = (student: RunSpec['student']): object =>
  student === null || student.kind === 'bilstm'
    ? { vectors: student?.vectors ?? null }
    : { vectors: null, student: withoutSeed(student) };

/** The hyper-parameters of a run as rows: those its method reads, numbers also as numbers. */
export function parameterRows(spec: RunSpec): { name: string; number: number | null; text: string }[] {
  return methods[spec.method].parameters.map((name) => {
    const value = spec.parameters[name];
    return {
      name,
      number: typeof value === 'number' ? value : null,
      text: typeof value === 'string' ? value : JSON.stringify(value),
    };
  });
}
