import { access, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Nothing to run on; `message` says what was looked for and what to do. */
export class NoSource extends Error {}

/** What is not there is told before a server is started and runs fail of it one by one. */
export async function requireInputs({
  teacher,
  vectors,
}: {
  teacher?: string | undefined;
  vectors?: string | undefined;
}) {
  const files = { teacher: teacher && join(teacher, 'config.json'), vectors };
  const problems: string[] = [];
  for (const [option, file] of Object.entries(files))
    if (file !== undefined && !file.startsWith('hf:'))
      await access(file).catch(() => problems.push(`--${option}: there is no ${file}`));
  if (problems.length > 0) throw new NoSource(problems.join('\n'));
}

/** The train and the test file of a folder. @throws NoSource where there is not one of each */
export async function findData(folder: string): Promise<{ train: string; test: string }> {
  const names = await readdir(folder).catch(() => {
    throw new NoSource(`--data: there is no folder ${resolve(folder)}`);
  });
  const find = (pattern: RegExp, kind: string): string => {
    const found = names.filter((name) => pattern.test(name) && /\.(csv|jsonl)$/.test(name));
    if (found.length === 1) return resolve(folder, found[0]!);
    throw new NoSource(
      `--data: ${resolve(folder)} must hold one ${kind} file, .csv or .jsonl with ${pattern.source.replaceAll('|', ' or ')} in its name; ` +
        `found ${found.length > 0 ? found.join(', ') : `none among ${names.join(', ')}`}`,
    );
  };
  return { train: find(/train/, 'train'), test: find(/test|valid/, 'test') };
}
