import { countText } from '../presentation/format';
import type { ReportData } from './fetch';
import { type Column, type Html, html, section, table } from './html';
import type { Attempt, Definition, Settings, Spec } from './queries';

/** Everything needed to do it again. */
export function repeatSection(data: ReportData, command: string): Html {
  const { experiment, settings } = data;
  const { shared, own } = partedSettings(settings);
  const { preset: _, ...definition } = experiment.definition as Definition;
  const input = { name: experiment.name, question: experiment.question, ...definition };
  return section(
    'repeat',
    'To repeat it',
    table(
      'Where, with what and on what it ran',
      [
        { heading: '', kind: 'name', cell: ([name]) => name },
        { heading: '', kind: 'text', cell: ([, values]) => values.join('; ') || 'not recorded' },
      ],
      factsOf(data),
    ),
    own.length > 0 && differingTable(own, [...settings.keys()]),
    html`<details open><summary>Hyper-parameters that all share who read them</summary>
<p>${shared.map(({ name, value }, place) => html`${place > 0 && ', '}<code>${name}</code> ${value}`)}</p></details>`,
    html`<p>The definition, as the mutation <code>createExperiment(launch: true, input: …)</code> takes it:</p>
<pre>${definitionText(input)}</pre>
<p>This page: <code>${command}</code></p>`,
  );
}

/** Where runs differ, every value is named. */
function factsOf({ experiment, runs, provenance: all }: ReportData): [string, string[]][] {
  // Of a damaged result nothing is known, and a caveat says so.
  const provenance = all.filter(({ rows }) => rows !== null);
  const finished = runs.filter(({ state }) => state === 'SUCCEEDED');
  const seeds = [...new Set(runs.map(({ seed }) => seed))].sort((a, b) => a - b);
  return [
    ['Experiment', [`${experiment.id}, created ${experiment.createdAt.slice(0, 16).replace('T', ' ')} UTC`]],
    ['Seeds', [seeds.join(', ')]],
    ['Train file', distinct(provenance.map(({ trainFile }) => fileText(trainFile)))],
    ['Test file', distinct(provenance.map(({ testFile }) => fileText(testFile)))],
    ['Rows', distinct(provenance.map(({ rows }) => rows && rowsText(rows)))],
    ['Code', distinct(provenance.flatMap(({ code }) => code.map(codeText)))],
    ['Node.js', distinct(provenance.flatMap(({ node }) => node))],
    ['Engine', distinct(finished.map(({ engine }) => engine))],
    ['Device', distinct(finished.map(({ device }) => device))],
    ['Machine', distinct(finished.flatMap(({ attempts }) => attempts.map(machineText)))],
    ['Interrupted and resumed', [countText(finished.filter(({ attempts }) => attempts.length > 1).length, 'run')]],
  ];
}

const distinct = (values: readonly (string | null)[]): string[] =>
  [...new Set(values)].filter((value) => value !== null).sort();

const fileText = (file: { sha256: string; rows: number } | null): string =>
  file === null ? 'not recorded' : `${countText(file.rows, 'row')}, SHA-256 ${file.sha256}`;

const rowsText = ({ train, quiz, dev, test }: Record<'train' | 'quiz' | 'dev' | 'test', number>): string =>
  Object.entries({ train, quiz, dev, test })
    .map(([split, rows]) => `${rows.toLocaleString('en')} ${split}`)
    .join(', ');

const codeText = (code: string): string => {
  const [version, commit] = code.split('+');
  return `version ${version}, commit ${commit ?? 'not recorded'}`;
};

const machineText = ({ host, instanceType }: Attempt): string | null =>
  host === null || instanceType === null ? host : `${host} (${instanceType})`;

/** JSON with lists of words and numbers on one line. No text has a line break in JSON: only its own are taken out. */
const definitionText = (input: object): string =>
  JSON.stringify(input, null, 1).replace(
    /\[\n\s*([^[\]{}]*?)\n\s*\]/g,
    (_, items: string) => `[${items.replace(/\n\s*/g, ' ')}]`,
  );

/** The fewer make the columns: of many variants the table would be wider than a page. */
function differingTable(own: readonly OwnSetting[], variants: readonly string[]): Html {
  const caption = 'Hyper-parameters that differ';
  const cells = <Row>(names: readonly string[], cell: (row: Row, name: string) => string | undefined): Column<Row>[] =>
    names.map((heading) => ({ heading, kind: 'text', cell: (row) => cell(row, heading) ?? '' }));
  if (variants.length <= own.length)
    return table(
      caption,
      [
        { heading: 'Name', kind: 'name', cell: ({ name }) => name },
        ...cells<OwnSetting>(variants, ({ values }, variant) => values.get(variant)),
      ],
      own,
    );
  const byName = new Map(own.map(({ name, values }) => [name, values]));
  return table(
    caption,
    [
      { heading: 'Variant', kind: 'name', cell: (variant) => variant },
      ...cells<string>([...byName.keys()], (variant, name) => byName.get(name)?.get(variant)),
    ],
    variants,
  );
}

interface OwnSetting {
  name: string;
  values: Map<string, string>;
}

/** Settings alike in every variant that has them, and the others; inputs count as settings. */
function partedSettings(settings: ReadonlyMap<string, Settings>): {
  shared: { name: string; value: string }[];
  own: OwnSetting[];
} {
  const byName = new Map<string, Map<string, string>>();
  const add = (name: string, variant: string, value: string) =>
    byName.set(name, (byName.get(name) ?? new Map<string, string>()).set(variant, value));
  for (const [variant, { spec: given, parameters }] of settings) {
    const spec = given as Spec;
    add('method', variant, spec.method);
    for (const [name, value] of Object.entries(spec.data)) add(`data.${name}`, variant, textOf(value));
    add('teacher', variant, modelText(spec.teacher));
    const { vectors = null, ...student } = spec.student ?? {};
    if (student.kind === 'bilstm') add('vectors', variant, textOf(vectors));
    else if (spec.student !== null) add('student', variant, modelText(spec.student));
    for (const { name, text } of parameters) add(name, variant, text);
  }
  const all = [...byName].map(([name, values]) => ({ name, values }));
  const isShared = ({ values }: OwnSetting) => new Set(values.values()).size === 1;
  return {
    shared: all.filter(isShared).map(({ name, values }) => ({ name, value: [...values.values()][0]! })),
    own: all.filter((setting) => !isShared(setting)),
  };
}

const textOf = (value: unknown): string =>
  value === null ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);

/** The usual sources of a model in words, any other as the definition has it. */
function modelText(source: Spec['teacher']): string {
  const { kind, location, runId, groupId: _, ...rest } = source ?? {};
  if (kind === 'run') return `the model of run ${runId}`;
  return kind === 'folder' && Object.keys(rest).length === 0 ? String(location) : textOf(source);
}
