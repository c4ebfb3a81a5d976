import { randomUUID } from 'node:crypto';
import { createFromPreset, launch, type PresetInput } from '../client/create';
import { findData, NoSource } from '../client/data-folder';
import type { Api } from '../client/graphql';
import { givenRuns } from '../client/options';
import { fetchPresentation, tableLines } from '../client/result-tables';
import { carryOut, command, withServer } from '../client/session';
import { printComparison } from '../client/tables';
import { type Options, readOptions } from './options';
import { printPlan } from './plan';

/** One of the thesis's experiments, from its launch to its tables, as any client of the API would carry it out. */
async function experiment(options: Options): Promise<number> {
  const data = await findData(options.data, options);
  const input = presetInput(options, data);
  if (options.plan)
    return withServer({ ...options, slots: 0 }, (api) =>
      printPlan(api, input, options.server === undefined ? options.slots : null),
    );
  const create = (api: Api) => launch(api, createFromPreset, { input });
  return carryOut(options, create, printOutcome);
}

/** The comparison of all variants, then the tables of the preset. */
async function printOutcome(api: Api, experimentId: string): Promise<void> {
  await printComparison(api, experimentId);
  for (const table of await fetchPresentation(api, experimentId)) console.log(`\n${tableLines(table).join('\n')}`);
}

function presetInput(options: Options, data: { train: string; test: string }): PresetInput {
  const { seeds, parameters, teacherParameters } = givenRuns(options);
  return {
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
  };
}

command(readOptions(process.argv.slice(2)), experiment, (error) => error instanceof NoSource);
