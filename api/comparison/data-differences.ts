import type { DataFiles } from '../../contract/records';
import type { RunSpec } from '../../contract/run-spec';
import type { ComparedRun } from './comparison';
import type { RunGroup } from './groups';

/** A run by its definition, and by the files it read; null: its result does not tell them, or it has none. */
interface Read {
  spec: RunSpec;
  files: DataFiles | null;
}

/** What decides which rows a run learns from and is scored on; undefined: not known. */
const settings: Record<string, (run: Read) => unknown> = {
  train: ({ spec }) => spec.data.train,
  test: ({ spec }) => spec.data.test,
  // A file that was changed after some of the runs has the name it had.
  'the SHA-256 of train': ({ files }) => files?.train.sha256.slice(0, 12),
  'the SHA-256 of test': ({ files }) => files?.test.sha256.slice(0, 12),
  textColumn: ({ spec }) => spec.data.textColumn,
  labelColumn: ({ spec }) => spec.data.labelColumn,
  classes: ({ spec }) => spec.data.classes,
  splitSeed: ({ spec }) => spec.parameters.splitSeed,
  quizShare: ({ spec }) => spec.parameters.quizShare,
  devShare: ({ spec }) => spec.parameters.devShare,
  trainShare: ({ spec }) => spec.parameters.trainShare,
};

/** Runs that tell all there is about the data of some: one of each definition and set of files. */
export function dataSources(runs: readonly ComparedRun[]): ComparedRun[] {
  // The group's id is a hash of the definition but for the seed.
  const byData = new Map(runs.map((run) => [`${run.groupId} ${run.dataFiles}`, run]));
  return [...byData.values()];
}

/**
 * In what the data and splits of some groups differ, a sentence a setting: `quizShare is 0.1 in "kd", 0 in "scratch"`.
 * A comparison of such groups compares the data as well.
 * @param specs of the runs, JSON, by their ids
 */
export function dataDifferences(
  groups: readonly Pick<RunGroup, 'name' | 'runs'>[],
  specs: ReadonlyMap<string, string>,
): string[] {
  const read = groups.flatMap(({ name, runs }) =>
    runs.map(({ id, dataFiles }) => ({
      name,
      run: { spec: JSON.parse(specs.get(id)!), files: dataFiles === null ? null : JSON.parse(dataFiles) } as Read,
    })),
  );
  return Object.entries(settings).flatMap(([setting, valueIn]) => {
    const names = new Map<string, Set<string>>();
    for (const { name, run } of read) {
      const value = JSON.stringify(valueIn(run));
      if (value !== undefined) names.set(value, (names.get(value) ?? new Set()).add(name));
    }
    if (names.size < 2) return [];
    const told = [...names].map(([value, of]) => `${value} in ${[...of].map((name) => `"${name}"`).join(', ')}`);
    return [`${setting} is ${told.join(', ')}`];
  });
}
