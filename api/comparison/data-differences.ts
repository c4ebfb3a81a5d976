import type { RunSpec } from '../../contract/run-spec';
import type { RunGroup } from './groups';

/** What decides which rows a run learns from and is scored on. */
const settings: Record<string, (spec: RunSpec) => unknown> = {
  train: ({ data }) => data.train,
  test: ({ data }) => data.test,
  textColumn: ({ data }) => data.textColumn,
  labelColumn: ({ data }) => data.labelColumn,
  classes: ({ data }) => data.classes,
  splitSeed: ({ parameters }) => parameters.splitSeed,
  quizShare: ({ parameters }) => parameters.quizShare,
  devShare: ({ parameters }) => parameters.devShare,
  trainShare: ({ parameters }) => parameters.trainShare,
};

/**
 * In what the data and splits of some groups differ, a sentence a setting: `quizShare is 0.1 in "kd", 0 in "scratch"`.
 * A comparison of such groups compares the data as well.
 */
export function dataDifferences(groups: readonly RunGroup[]): string[] {
  const specs = groups.flatMap(({ name, runs }) =>
    runs.map(({ spec }) => ({ name, spec: JSON.parse(spec) as RunSpec })),
  );
  return Object.entries(settings).flatMap(([setting, read]) => {
    const names = new Map<string, Set<string>>();
    for (const { name, spec } of specs) {
      const value = JSON.stringify(read(spec));
      names.set(value, (names.get(value) ?? new Set()).add(name));
    }
    if (names.size < 2) return [];
    const told = [...names].map(([value, of]) => `${value} in ${[...of].map((name) => `"${name}"`).join(', ')}`);
    return [`${setting} is ${told.join(', ')}`];
  });
}
