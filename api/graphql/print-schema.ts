import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal';
import { introspectionFromSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { createApiSchema } from './schema';

const root = join(__dirname, '../..');

/** The committed files: the schema, and its types, from which those of the clients' operations are inferred. Sorted, so
 * that moving code changes neither. */
async function currentFiles(): Promise<Map<string, string>> {
  const schema = lexicographicSortSchema(await createApiSchema());
  const introspection = minifyIntrospection(introspectionFromSchema(schema));
  return new Map([
    ['schema.graphql', `${printSchema(schema)}\n`],
    ['client/schema-types.d.ts', outputIntrospectionFile(introspection, { fileType: '.d.ts', shouldPreprocess: true })],
  ]);
}

/** Lines that are on one side alone, with their numbers: enough to see what changed. */
function differences(committed: string[], current: string[]): string[] {
  const only = (lines: string[], others: string[], sign: string) => {
    const known = new Map<string, number>();
    for (const line of others) known.set(line, (known.get(line) ?? 0) + 1);
    return lines.flatMap((line, at) => {
      const left = known.get(line) ?? 0;
      known.set(line, left - 1);
      return left > 0 ? [] : [{ at, text: `${sign} ${String(at + 1).padStart(5)} ${line}` }];
    });
  };
  return [...only(committed, current, '-'), ...only(current, committed, '+')]
    .sort((a, b) => a.at - b.at)
    .map(({ text }) => text);
}

/** Writes the files; with --check only compares, and exits with 1 where one is stale. */
async function main(): Promise<void> {
  const check = process.argv.includes('--check');
  for (const [name, current] of await currentFiles()) {
    if (!check) writeFileSync(join(root, name), current);
    else if (!isCurrent(name, current)) process.exitCode = 1;
  }
}

function isCurrent(name: string, current: string): boolean {
  const committed = readFileSync(join(root, name), 'utf8');
  if (committed === current) return true;
  console.error(`${name} is stale: run \`npm run schema\` and commit it. - committed, + current:`);
  for (const line of differences(committed.split('\n'), current.split('\n'))) console.error(line);
  return false;
}

void main();
