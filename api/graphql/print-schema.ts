import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { createApiSchema } from './schema';

const path = join(__dirname, '../../schema.graphql');

/** The schema as it is committed: sorted, so that moving code changes nothing. */
async function currentSchema(): Promise<string> {
  return `${printSchema(lexicographicSortSchema(await createApiSchema()))}\n`;
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

/** Writes schema.graphql; with --check only compares, and exits with 1 where it is stale. */
async function main(): Promise<void> {
  const current = await currentSchema();
  if (!process.argv.includes('--check')) {
    writeFileSync(path, current);
    return;
  }
  const committed = readFileSync(path, 'utf8');
  if (committed === current) return;
  console.error('schema.graphql is stale: run `npm run schema` and commit it. - committed, + current:');
  for (const line of differences(committed.split('\n'), current.split('\n'))) console.error(line);
  process.exitCode = 1;
}

void main();
