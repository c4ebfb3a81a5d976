import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { methodNames } from '../contract/methods';

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

describe('names of methods, metrics and variants', () => {
  const product = ['api', 'contract', 'trainer', 'presentation', 'dashboard', 'report', 'compare', 'export', 'client'];
  const isDeclaration = (path: string) => path.endsWith('.d.ts');
  const quoted = (words: readonly string[]) => `['"\`](${words.join('|')})`;
  /** A method told by its name, or by a part of it; the catalogue says what a method trains and needs. */
  const guessedMethod = new RegExp(
    `[!=]== ${quoted(methodNames)}['"\`]|(starts|ends)With\\(${quoted([...methodNames, '-lora', 'meta', 'mpl'])}`,
  );
  /** The direction, unit or split of a metric told by a part of its name; `describeMetric` says them. */
  const guessedMetric = new RegExp(
    `(startsWith|endsWith)\\(${quoted(['dev/', 'test/', 'train/', '/loss', '/accuracy', '/macro-f1'])}|` +
      `(name|metric)\\.includes\\(${quoted(['norm', 'loss', 'accuracy', 'f1', 'class/'])}|(dev|train|class|loss|norm|accuracy|f1)\\b.*/[a-z]*\\.test\\((name|metric)\\)`,
  );
  /** A decision on the wording of a note. */
  const readNote = /notes?\.(some|find|filter)\(\(?\w+\)? => \w+\.(includes|startsWith|endsWith|match)\(/;

  it.each([
    ['methods', guessedMethod],
    ['metrics', guessedMetric],
    ['notes', readNote],
  ])('decide nothing: %s', (_, pattern) => {
    expect(linesWith(pattern, product, (path) => !isDeclaration(path))).toEqual([]);
  });

  it('would be found', () => {
    expect("if (method.endsWith('-lora'))").toMatch(guessedMethod);
    expect("method === 'pkd'").toMatch(guessedMethod);
    expect("name.startsWith('finetune')").toMatch(guessedMethod);
    expect("metric.includes('norm')").toMatch(guessedMetric);
    expect('/^(dev|test)\\/accuracy$/.test(metric)').toMatch(guessedMetric);
    expect("notes.some((n) => n.includes('classifier'))").toMatch(readNote);
  });
});
