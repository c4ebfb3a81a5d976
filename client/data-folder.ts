import { access, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Nothing to run on; `message` says what was looked for and what to do. */
export class NoSource extends Error {}

/** The inputs beside the data, as the options name them. */
interface OtherInputs {
  teacher?: string | undefined;
  vectors?: string | undefined;
}

/** What is not there is told before a server is started and runs fail of it one by one. @throws NoSource */
export async function requireInputs(others: OtherInputs): Promise<void> {
  refuse(await missing(others));
}

/** The train and the test file of a folder. @throws NoSource where there is not one of each, or another input is not there */
export async function findData(folder: string, others: OtherInputs): Promise<{ train: string; test: string }> {
  const problems = await missing(others);
  const names = await readdir(folder).catch(() => null);
  if (names === null) problems.unshift(`--data: there is no folder ${resolve(folder)}`);
  const find = (pattern: RegExp, kind: string): string => {
    const found = (names ?? []).filter((name) => pattern.test(name) && /\.(csv|jsonl)$/.test(name));
    if (names !== null && found.length !== 1)
      problems.push(
        `--data: ${resolve(folder)} must hold one ${kind} file, .csv or .jsonl with ${pattern.source.replaceAll('|', ' or ')} in its name; ` +
          `found ${found.join(', ') || (names.length > 0 ? `none among ${names.join(', ')}` : 'no file at all')}`,
      );
    return resolve(folder, found[0] ?? '');
  };
  const files = { train: find(/train/, 'train'), test: find(/test|valid/, 'test') };
  refuse(problems);
  return files;
}

async function missing({ teacher, vectors }: OtherInputs): Promise<string[]> {
  const files = { teacher: teacher && join(teacher, 'config.json'), vectors };
  const problems: string[] = [];
  for (const [option, file] of Object.entries(files))
    if (file !== undefined && !file.startsWith('hf:'))
      await access(file).catch(() => problems.push(`--${option}: there is no ${file}`));
  return problems;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new NoSource(problems.join('\n'));
}
