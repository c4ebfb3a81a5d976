import { type Problem, type RunSpec, splitSeedOf } from '../../contract/run-spec';
import { modelRoles } from './variant-models';

/**
 * Runs that would be selected on rows one of their models was trained on: their dev rows are split by another seed from
 * the same train file. The trainer refuses such a run; here it is refused before anything is launched. Splits of one
 * seed and different shares are left to the trainer, which counts the rows.
 *
 * @param sources specs of earlier experiments' runs whose models are taken, by id
 * @returns one problem for each run that was the source
 */
export function learntRowsProblems(specs: readonly RunSpec[], sources: ReadonlyMap<string, RunSpec>): Problem[] {
  const specById = new Map([...sources, ...specs.map((spec) => [spec.runId, spec] as const)]);
  const clashes = new Map<string, { source: RunSpec; takers: RunSpec[] }>();
  for (const spec of specs)
    for (const role of modelRoles) {
      const model = spec[role];
      const source = model?.kind === 'run' ? specById.get(model.runId) : undefined;
      if (source === undefined || source.data.train !== spec.data.train || splitSeedOf(source) === splitSeedOf(spec))
        continue;
      const clash = clashes.get(source.runId) ?? { source, takers: [] };
      clash.takers.push(spec);
      clashes.set(source.runId, clash);
    }
  return [...clashes.values()].map(({ source, takers }) => {
    const variants = [...new Set(takers.map(({ variant }) => `"${variant}"`))].join(', ');
    const seeds = [...new Set(takers.map(splitSeedOf))].join(', ');
    return {
      path: 'parameters.splitSeed',
      message: `the rows of ${variants} are split by seed ${seeds}, those of run "${source.runId}" ("${source.variant}"), whose model is taken, by ${splitSeedOf(source)}: dev rows would be rows that the model was trained on. Set splitSeed to ${splitSeedOf(source)}`,
    };
  });
}
