import { randomUUID } from 'node:crypto';
import { launch } from '../client/create';
import { findData, NoSource, requireInputs } from '../client/data-folder';
import type { Api } from '../client/graphql';
import { givenRuns } from '../client/options';
import { fetchPresentation, tableLines } from '../client/result-tables';
import { carryOut, command } from '../client/session';
import { printComparison } from '../client/tables';
import { type Options, readOptions } from './options';

/** One of the thesis's experiments, from its launch to its tables, as any client of the API would carry it out. */
async function experiment(options: Options): Promise<number> {
  await requireInputs(options);
  const data = await findData(options.data);
  return carryOut(options, (api) => createExperiment(api, options, data), printOutcome);
}

/** The comparison of all variants, then the tables of the preset. */
async function printOutcome(api: Api, experimentId: string): Promise<void> {
  await printComparison(api, experimentId);
  for (const table of await fetchPresentation(api, experimentId)) console.log(`\n${tableLines(table).join('\n')}`);
}

function createExperiment(api: Api, options: Options, data: { train: string; test: string }): Promise<string | null> {
  const { seeds, parameters, teacherParameters } = givenRuns(options);
  return launch(api, 'createExperimentFromPreset', 'PresetExperimentInput', {
    preset: options.preset,
    data,
    teacher: { folder: options.teacher, finetune: { parameters: teacherParameters } },
    vectors: options.vectors ?? null,
    scale: options.scale,
    variants: options.methods ?? null,
    parameters,
    seeds,
    name: options.name ?? null,
    clientRequestId: randomUUID(),
  });
}

command(readOptions(process.argv.slice(2)), experiment, (error) => error instanceof NoSource);
