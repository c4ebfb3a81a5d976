import { createHash } from 'node:crypto';
import { canonicalJson } from '../database/canonical-json';
import type { ComparedRun } from './comparison';

/** What groups can be told apart by besides hyper-parameters. */
export const runLabels = ['variant', 'method', 'experiment'] as const;
export const isRunLabel = (name: string): boolean => (runLabels as readonly string[]).includes(name);

export interface GroupLabel {
  name: string;
  /** null: the runs do not read this hyper-parameter. */
  value: string | null;
}

/** Runs that are taken together. */
export interface RunGroup {
  id: string;
  name: string;
  labels: GroupLabel[];
  runs: ComparedRun[];
}

/**
 * Runs by group, in the order in which groups first appear: by variant group, that is by everything but the seed, or
 * by the labels that are named.
 */
export function groupRuns(
  runs: readonly ComparedRun[],
  groupBy: readonly string[] | null,
  parameters: ReadonlyMap<string, ReadonlyMap<string, string>>,
): RunGroup[] {
  const groups = new Map<string, RunGroup>();
  for (const run of runs) {
    const labels = labelsOf(run, groupBy ?? ['variant'], parameters.get(run.id));
    const id = groupBy === null ? run.groupId : hashOf(labels);
    const name = groupBy === null ? run.variant : nameOf(labels);
    const group = groups.get(id) ?? { id, name, labels, runs: [] };
    group.runs.push(run);
    groups.set(id, group);
  }
  return withTellingNames([...groups.values()]);
}

function labelsOf(
  run: ComparedRun,
  names: readonly string[],
  parameters: ReadonlyMap<string, string> | undefined,
): GroupLabel[] {
  const own: Record<string, string> = { variant: run.variant, method: run.method, experiment: run.experimentName };
  return names.map((name) => ({ name, value: own[name] ?? parameters?.get(name) ?? null }));
}

const hashOf = (labels: GroupLabel[]): string =>
  createHash('sha256').update(canonicalJson(labels)).digest('hex').slice(0, 16);

const nameOf = (labels: GroupLabel[]): string =>
  labels.map(({ name, value }) => `${name}=${value ?? 'none'}`).join(', ');

/** Variants of one name in several experiments are different groups: the experiment tells them apart. */
function withTellingNames(groups: RunGroup[]): RunGroup[] {
  const counts = new Map<string, number>();
  for (const { name } of groups) counts.set(name, (counts.get(name) ?? 0) + 1);
  return groups.map((group) => {
    return counts.get(group.name) === 1
      ? group
      : { ...group, name: `${group.name} (${group.runs[0]?.experimentName})` };
  });
}
