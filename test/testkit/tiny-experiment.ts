import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sentences } from './sentences';
import { request } from './server-process';

/** Train and test files of generated sentences: enough to learn from, few enough for seconds. */
export function writeTinyData(folder: string): { train: string; test: string } {
  const write = (name: string, count: number, seed: number) => {
    const path = join(folder, name);
    const rows = sentences(count, seed).map(({ text, label }) => `${text},${label}`);
    writeFileSync(path, `text,label\n${rows.join('\n')}\n`);
    return path;
  };
  return { train: write('train.csv', 80, 1), test: write('test.csv', 20, 2) };
}

/** Hyper-parameters with which a run takes a second of computing. */
export const tinyParameters = {
  epochs: 2,
  batchSize: 8,
  studentUnits: 4,
  embeddingSize: 8,
  maxWords: 8,
};

/** Creates and launches an experiment. @throws Error with its problems */
export const launch = (address: string, input: object): Promise<string> => create(address, input, true);

/** Launches an experiment that was created before. */
export async function launchCreated(address: string, id: string): Promise<void> {
  await request(address, 'mutation ($id: ID!) { launchExperiment(id: $id) { __typename } }', { id });
}

/** Creates an experiment. @throws Error with its problems */
export async function create(address: string, input: object, launched = false): Promise<string> {
  const { createExperiment } = await request<{
    createExperiment: { experiment?: { id: string }; problems?: { path: string; message: string }[] };
  }>(
    address,
    `mutation ($input: ExperimentInput!, $launched: Boolean!) {
      createExperiment(input: $input, launch: $launched) {
        ... on ExperimentPayload { experiment { id } }
        ... on Failure { problems { path message } }
      }
    }`,
    { input, launched },
  );
  if (createExperiment.experiment === undefined) throw new Error(JSON.stringify(createExperiment.problems));
  return createExperiment.experiment.id;
}
