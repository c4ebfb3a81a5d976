import { type Preset, type PresetTable, presets } from '../../contract/presets';
import { isOver } from '../../contract/run-states';
import type { Services } from '../context/context';
import type { ExperimentDefinition } from '../definition/definition';
import { findExperiment } from '../experiments/experiment.store';
import { grouped } from '../shared/grouped';
import { type EvaluatedRun, findEvaluatedRuns } from './evaluations.store';
import type { ResultTable } from './result-table';
import { tableMetrics, tablesOf, type VariantRuns } from './tables';

/** What an experiment that was made of no preset is shown in. */
const usualTables: readonly PresetTable[] = [
  { kind: 'best' },
  { kind: 'teacher', reported: null },
  { kind: 'epoch-seconds' },
];

/** The outcome of an experiment in the tables of its preset, beside the thesis's figures; null where there is none. */
export async function presentExperiment({ database }: Services, id: string): Promise<ResultTable[] | null> {
  const experiment = await findExperiment(database, id);
  if (experiment === undefined) return null;
  const definition: Pick<ExperimentDefinition, 'preset'> = JSON.parse(experiment.definition);
  const preset = definition.preset ? presets[definition.preset.name] : null;
  const scale = definition.preset?.scale ?? 1;
  const runs = await findEvaluatedRuns(database, experiment, tableMetrics);
  const variants = variantsOf(runs.filter(({ state }) => state === 'SUCCEEDED'));
  const notes = [...(preset?.notes ?? []), ...scaleNotes(preset, scale), ...missingNotes(runs)];
  const tables = (preset?.tables ?? usualTables).flatMap((table) =>
    tablesOf(table, variants, { scale, reported: reportedAccuracies(preset) }),
  );
  return tables.map((table, place) => (place === 0 ? { ...table, notes: [...notes, ...table.notes] } : table));
}

function variantsOf(runs: readonly EvaluatedRun[]): VariantRuns[] {
  return [...grouped(runs, ({ variant }) => variant)].map(([name, ofVariant]) => ({ name, runs: ofVariant }));
}

function reportedAccuracies(preset: Preset | null): Map<string, number> {
  return new Map(
    (preset?.variants ?? []).flatMap(({ name, reportedAccuracy }) =>
      reportedAccuracy === null ? [] : [[name, reportedAccuracy] as const],
    ),
  );
}

const scaleNotes = (preset: Preset | null, scale: number): string[] =>
  preset === null || scale >= 1
    ? []
    : [
        `A quick look at ${preset.name}: scale ${scale} of its train rows and epochs, so its numbers are not the experiment's.`,
      ];

function missingNotes(runs: readonly EvaluatedRun[]): string[] {
  const unfinished = runs.filter(({ state }) => !isOver(state)).length;
  const stopped = runs.filter(({ state }) => state === 'STOPPED').length;
  const lost = runs.filter(({ state }) => isOver(state) && state !== 'SUCCEEDED').length - stopped;
  return [
    ...(unfinished > 0 ? [`${unfinished} of ${runs.length} runs are not over yet and are left out.`] : []),
    ...(stopped > 0 ? [`${stopped} of ${runs.length} runs were stopped early and are left out.`] : []),
    ...(lost > 0 ? [`${lost} of ${runs.length} runs ended without a result and are left out.`] : []),
  ];
}
