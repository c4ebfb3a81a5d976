import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Lines of TypeScript below `folders` that match a pattern, as `path:line text`, in files whose paths pass. */
function linesWith(pattern: RegExp, folders: readonly string[], isSearched: (path: string) => boolean): string[] {
  const root = join(__dirname, '..');
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => /\.tsx?$/.test(path) && isSearched(path))
      .flatMap((path) =>
        readFileSync(join(root, path), 'utf8')
          .split('\n')
          .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1} ${line.trim()}`] : [])),
      ),
  );
}

describe('SQL', () => {
  const queries = /\.(selectFrom|insertInto|updateTable|deleteFrom|replaceInto|mergeInto)\(|\bsql(<[^>]*>)?`/;
  const isStore = (path: string) => /\.store\.ts$/.test(path) || path.startsWith(join('api', 'database'));

  it('is built in stores alone', () => {
    expect(linesWith(queries, ['api'], (path) => !isStore(path))).toEqual([]);
  });

  it('is found where it stands', () => {
    const stores = ['runs/run.store.ts', 'team/team.store.ts', 'runs/run-details.store.ts'];
    for (const store of stores) expect(linesWith(queries, ['api'], (path) => path.endsWith(store))).not.toEqual([]);
  });
});
