import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Api } from '../client/graphql';
import { command, withRecords } from '../client/session';
import { fetchReport, NoReport } from './fetch';
import { type Options, readOptions } from './options';
import { page } from './page';

/** The page about an experiment, from whichever server has it. */
const report = (options: Options): Promise<number> =>
  withRecords(options, async (api) => {
    const file = await writeReport(api, options);
    console.log(`written: ${file}`);
    return 0;
  });

async function writeReport(api: Api, options: Options): Promise<string> {
  const { experiment, at, baseline } = options;
  const data = await fetchReport(api, {
    ...{ experiment, at, baseline },
    allowDifferentData: options['allow-different-data'],
  });
  const text = page(data, { command: commandOf(process.argv.slice(2)), writtenAt: new Date() });
  const file = options.output ?? resolve(`${fileNameOf(data.experiment.name)}.html`);
  await writeFile(file, text);
  return file;
}

/** A token is nothing to print. */
const commandOf = (words: readonly string[]): string => {
  const told = words.map((word, place) =>
    words[place - 1] === '--token' ? '…' : word.replace(/^(--token=).*/, '$1…'),
  );
  return ['npm run report --', ...told.map((word) => (/^[\w./:=@…-]+$/.test(word) ? word : `'${word}'`))].join(' ');
};

const fileNameOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '') || 'report';

command(readOptions(process.argv.slice(2)), report, (error) => error instanceof NoReport);
