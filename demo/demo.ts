import { randomUUID } from 'node:crypto';
import { runUntilOver } from './follow';
import { type Api, connect } from './graphql';
import { givenParameters, type Options, readOptions } from './options';
import { startServer } from './server';
import { chooseSources, NoSource, type Sources } from './sources';
import { printComparison } from './tables';

/** One experiment from its definition to its comparison, as any client of the API would carry it out. */
async function demo(options: Options): Promise<number> {
  const sources = await chooseSources(options);
  for (const line of sources.description) console.log(line);
  const server = await startServer(options);
  console.log(`server: ${server.address}\n`);
  const api = connect(server.address);
  try {
    const experimentId = await createExperiment(api, options, sources);
    if (experimentId === null) return 1;
    const runs = await runUntilOver(api, experimentId);
    const failed = runs.filter(({ state }) => state !== 'SUCCEEDED');
    for (const run of failed)
      console.error(`${run.variant} seed ${run.seed}: ${run.state}. ${run.failure?.message ?? ''}`);
    await printComparison(api, experimentId);
    console.log(`\nThe experiment in the dashboard: ${server.address}/#/experiments/${experimentId}`);
    if (!options.exit) await untilInterrupted(options);
    else if (options.server === undefined)
      console.log(`The server stops now; npm start -- --data ${options['data-directory']} brings it back.`);
    return failed.length === 0 ? 0 : 1;
  } finally {
    await api.close();
    await server.stop();
  }
}

async function createExperiment(api: Api, options: Options, sources: Sources): Promise<string | null> {
  const chosen = givenParameters(options.set);
  const epochs = options.epochs === undefined ? {} : { epochs: options.epochs };
  const teacherEpochs = options['teacher-epochs'] === undefined ? {} : { epochs: options['teacher-epochs'] };
  const input = {
    name: options.name ?? 'Demo: which way to shrink a teacher?',
    question: 'How good is the student of each method, over seeds, and how sure is that?',
    ...{ data: sources.data, vectors: options.vectors ?? null },
    teacher: {
      ...sources.teacher,
      finetune: { parameters: { ...sources.teacherParameters, ...teacherEpochs } },
    },
    parameters: { ...sources.dataParameters, ...sources.studentParameters, ...epochs, ...chosen },
    variants: options.methods.map((method) => ({ name: method, method })),
    seeds: Array.from({ length: options.seeds }, (_, seed) => seed),
    tags: ['demo'],
    clientRequestId: randomUUID(),
  };
  const { createExperiment: outcome } = await api.request<CreateExperiment>(
    `mutation Create($input: ExperimentInput!) {
      createExperiment(input: $input, launch: true) {
        __typename
        ... on ExperimentPayload { experiment { id } }
        ... on Failure { problems { path message } }
      }
    }`,
    { input },
  );
  if (outcome.experiment) return outcome.experiment.id;
  for (const { path, message } of outcome.problems ?? []) console.error(`${path}: ${message}`);
  return null;
}

interface CreateExperiment {
  createExperiment: { experiment?: { id: string }; problems?: { path: string; message: string }[] };
}

function untilInterrupted({ server }: Options): Promise<void> {
  console.log(server === undefined ? 'The server goes on until Ctrl-C.' : 'Ctrl-C ends this.');
  return new Promise((resolve) => process.once('SIGINT', resolve));
}

async function main(): Promise<number> {
  const read = readOptions(process.argv.slice(2));
  if (read.kind === 'help') {
    (read.exitCode === 0 ? console.log : console.error)(read.text);
    return read.exitCode;
  }
  try {
    return await demo(read.options);
  } catch (error) {
    console.error(error instanceof NoSource ? error.message : error);
    return 1;
  }
}

main().then((exitCode) => process.exit(exitCode));
