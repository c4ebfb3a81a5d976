import { access, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ObjectReader } from '../contract/objects/object-store';
import { isS3Location } from '../contract/objects/open-objects';
import { parseS3Location, s3EnvironmentSchema, s3SettingsOf } from '../contract/objects/s3-location';

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

/**
 * The train and the test file of a folder of this machine or of S3, which is read with the credentials of the AWS tools.
 * @throws NoSource where there is not one of each, or another input is not there
 */
export async function findData(folder: string, others: OtherInputs): Promise<{ train: string; test: string }> {
  const problems = await missing(others);
  const place = isS3Location(folder) ? folder.replace(/\/+$/, '') : resolve(folder);
  const names = await namesIn(place).catch((error: Error) => {
    problems.unshift(`--data: ${error.message}`);
    return null;
  });
  const find = (pattern: RegExp, kind: string): string => {
    const found = (names ?? []).filter((name) => pattern.test(name) && /\.(csv|jsonl)$/.test(name));
    if (names !== null && found.length !== 1)
      problems.push(
        `--data: ${place} must hold one ${kind} file, .csv or .jsonl with ${pattern.source.replaceAll('|', ' or ')} in its name; ` +
          `found ${found.join(', ') || (names.length > 0 ? `none among ${names.join(', ')}` : 'no file at all')}`,
      );
    return within(place, found[0] ?? '');
  };
  const files = { train: find(/train/, 'train'), test: find(/test|valid/, 'test') };
  refuse(problems);
  return files;
}

const within = (place: string, name: string): string => (isS3Location(place) ? `${place}/${name}` : join(place, name));

/** Names of the files of a folder. @throws Error saying why the folder cannot be listed */
async function namesIn(place: string): Promise<string[]> {
  if (!isS3Location(place))
    return readdir(place).catch(() => {
      throw new Error(`there is no folder ${place}`);
    });
  const { reader, path } = await openS3(place);
  const prefix = path === '' ? '' : `${path}/`;
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page = await reader.list(prefix, after === undefined ? {} : { after });
    names.push(...page.objects.map(({ key }) => key.slice(prefix.length)).filter((name) => !name.includes('/')));
    after = page.next;
  } while (after !== undefined);
  return names;
}

/** @throws Error saying why a file is not there, or cannot be looked at */
async function requireFile(place: string): Promise<void> {
  if (!isS3Location(place))
    return access(place).catch(() => {
      throw new Error(`there is no ${place}`);
    });
  const { reader, path } = await openS3(place);
  if ((await reader.info(path)) === null) throw new Error(`there is no ${place}`);
}

async function openS3(place: string): Promise<{ reader: ObjectReader; path: string }> {
  const found = parseS3Location(place);
  if (found === null) throw new Error(`${place} is not of the form s3://bucket/path`);
  // The AWS SDK takes longer to load than all else: only those who use it wait for it.
  const { s3ObjectReader } = await import('../contract/objects/s3-reader');
  const settings = s3SettingsOf(s3EnvironmentSchema.parse(process.env));
  return { reader: s3ObjectReader({ bucket: found.bucket, prefix: '', ...settings }), path: found.path };
}

async function missing({ teacher, vectors }: OtherInputs): Promise<string[]> {
  const files = { teacher: teacher && within(teacher, 'config.json'), vectors };
  const problems: string[] = [];
  for (const [option, file] of Object.entries(files))
    if (file !== undefined && !file.startsWith('hf:'))
      await requireFile(file).catch((error: Error) => problems.push(`--${option}: ${error.message}`));
  return problems;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new NoSource(problems.join('\n'));
}
