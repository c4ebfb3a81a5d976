import { randomUUID } from 'node:crypto';
import { createExperiment, launch } from '../client/create';
import { NoSource } from '../client/data-folder';
import type { Api } from '../client/graphql';
import { givenRuns } from '../client/options';
import { carryOut, command } from '../client/session';
import { printComparison } from '../client/tables';
import { type Options, readOptions } from './options';
import { chooseSources, type Sources } from './sources';

/** One experiment from its definition to its comparison, as any client of the API would carry it out. */
async function demo(options: Options): Promise<number> {
  const sources = await chooseSources(options);
  for (const line of sources.description) console.log(line);
  return carryOut(options, (api) => create(api, options, sources), printComparison);
}

function create(api: Api, options: Options, sources: Sources): Promise<string | null> {
  const { seeds, parameters, teacherParameters } = givenRuns(options);
  return launch(api, createExperiment, {
    input: {
      name: options.name ?? 'Demo: which way to shrink a teacher?',
      question: 'How good is the student of each method, over seeds, and how sure is that?',
      data: sources.data,
      vectors: options.vectors ?? null,
      teacher: {
        ...sources.teacher,
        finetune: { parameters: { ...sources.teacherParameters, ...teacherParameters } },
      },
      parameters: { ...sources.dataParameters, ...sources.studentParameters, ...parameters },
      variants: options.methods.map((method) => ({ name: method, method })),
      seeds,
      tags: ['demo'],
      clientRequestId: randomUUID(),
    },
  });
}

command(readOptions(process.argv.slice(2)), demo, (error) => error instanceof NoSource);
