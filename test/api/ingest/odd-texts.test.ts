import { z } from 'zod';
import { ingestRun } from '../../../api/ingest/ingest.service';
import { settleAttempt } from '../../../api/launcher/settle';
import { stitchedChunks } from '../../../api/metrics/stitched-chunks';
import { applyEvent } from '../../../api/runs/run-life.service';
import { attemptEndKey, attemptKey, metricsKey, progressKey, resultKey } from '../../../contract/keys';
import {
  type AttemptEnd,
  attemptEndSchema,
  attemptSchema,
  metricRecordSchema,
  progressSchema,
  resultSchema,
} from '../../../contract/records';
import { parseRunSpec } from '../../../contract/run-spec';
import { isWellFormed, wellFormed } from '../../../contract/well-formed';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';
import { epochRecord, writeAttempt, writeChunk, writeEnd, writeProgress, writeResult } from '../../testkit/written-run';

const services = useTestServices();

/** NUL, which PostgreSQL refuses and SQLite cuts at, and halves of surrogate pairs, which have no UTF-8. */
const odd = 'a\0b\ud800c\udc00d';
const asKept = 'a\ufffdb\ufffdc\ufffdd';

type Path = readonly (string | number)[];
interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
}

/** Paths of all texts of a schema that may be anything; `*` stands for the name of a field that may be. */
function textsOf(schema: JsonSchema, path: Path = []): Path[] {
  const { type, properties = {}, items, anyOf = [], oneOf = [], additionalProperties } = schema;
  const isFree = type === 'string' && !('enum' in schema) && !('const' in schema) && !('pattern' in schema);
  return [
    ...(isFree ? [path] : []),
    ...Object.entries(properties).flatMap(([name, field]) => textsOf(field, [...path, name])),
    ...(items === undefined ? [] : textsOf(items, [...path, 0])),
    ...[...anyOf, ...oneOf].flatMap((part) => textsOf(part, path)),
    ...(typeof additionalProperties === 'object' ? [[...path, '*']] : []),
  ];
}

/** A value with a text put at a path; what is missing on the way is made. */
function withText(value: unknown, [step, ...rest]: Path): unknown {
  if (step === undefined) return odd;
  if (step === 0) return [withText(Array.isArray(value) ? value[0] : undefined, rest)];
  const fields = { ...(value as Record<string, unknown> | undefined) };
  if (step === '*') return { ...fields, [odd]: Object.values(fields)[0] ?? 0.25 };
  return { ...fields, [step]: withText(fields[step], rest) };
}

const failed: AttemptEnd = {
  outcome: 'failed',
  endedAt: '2026-01-01T00:00:00.000Z',
  kind: 'input',
  message: 'why',
  problems: [{ path: 'where', message: 'what' }],
  step: 1,
  energy: { wattHours: 1, source: 'measured', how: 'nvidia-smi' },
};

const file = { name: 'config.json', sizeBytes: 1, sha256: '0' };
const dataFiles = { train: { sha256: '0', rows: 1 }, test: { sha256: '0', rows: 1 } };

/** Objects that trainers write, by their keys. */
const objectsOfRun = {
  attempt: { key: attemptKey('r', 1), schema: attemptSchema },
  progress: { key: progressKey('r'), schema: progressSchema },
  chunk: { key: metricsKey('r', 1, 0), schema: metricRecordSchema },
  end: { key: attemptEndKey('r', 1), schema: attemptEndSchema },
  result: { key: resultKey('r'), schema: resultSchema },
};

const cases = Object.entries(objectsOfRun).flatMap(([name, { key, schema }]) =>
  textsOf(z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }) as JsonSchema)
    // A definition is refused instead: a person wrote it.
    .filter(([first]) => first !== 'spec')
    .map((path) => ({ name, key, schema, path, field: path.join('.') })),
);

beforeEach(async () => {
  const { objects } = services();
  await insertExperiment(services());
  await insertRun(services(), 'r');
  await applyEvent(services(), 'r', { kind: 'claimed', attempt: 1 });
  const machine = { instanceType: 'g5.xlarge', capacity: 'spot' as const };
  await writeAttempt(objects, 'r', 1, null, { job: 'a-job', machine });
  await writeChunk(objects, 'r', 1, 0, [epochRecord(1, 10, { 'dev/accuracy': 0.5 })]);
  await writeProgress(objects, 'r');
});

/** Every text of every row of the records. */
async function textsOfRecords(): Promise<string[]> {
  const { database } = services();
  const tables = ['run', 'attempt', 'summary_metric', 'epoch_metric'] as const;
  const rows = await Promise.all(
    tables.map((table) =>
      database
        .selectFrom(table as 'run')
        .selectAll()
        .execute(),
    ),
  );
  return rows.flat().flatMap((row) => Object.values(row).filter((value) => typeof value === 'string'));
}

test('there are texts in every kind of object', () => {
  expect(new Set(cases.map(({ name }) => name))).toEqual(new Set(Object.keys(objectsOfRun)));
});

test.each(cases)('$field of the $name may hold any text', async ({ name, key, schema, path }) => {
  const { objects } = services();
  if (name === 'end') await writeEnd(objects, 'r', 1, failed);
  if (name === 'result') await writeResult(objects, 'r', 1, { dataFiles, modelFiles: [file] });
  const before = JSON.parse(Buffer.from((await objects.read(key))!).toString());
  const written = withText(before, path);
  // A text of a form of its own, such as a time, is damage by the schema.
  const isTaken = schema.safeParse(written).success;
  await objects.write(key, `${JSON.stringify(written)}\n`);

  await ingestRun(services(), 'r');
  if (name === 'end' || name === 'result') {
    const settling = { crashLimit: 3, interruptedReason: '' };
    await settleAttempt(services(), { runId: 'r', attempt: 1 }, null, settling);
    const { run } = await dataOf(services(), '{ run(id: "r") { state failure { message } } }');
    if (isTaken) expect(run.state).toBe(name === 'end' ? 'FAILED' : 'SUCCEEDED');
    else expect(run.state).not.toBe('RUNNING');
  }
  const answer = await dataOf(
    services(),
    `{ run(id: "r") { phase: progress { phase } engine device metrics { name } resultNotes damage
      provenance { code node } failure { message problems { path message } } } }`,
  );
  const texts = [...(await textsOfRecords()), JSON.stringify(answer)];
  expect(texts.filter((text) => !isWellFormed(text) || /\\u0000|\\ud[89a-f]/i.test(text))).toEqual([]);
  for await (const { records } of stitchedChunks(objects, 'r', null))
    for (const { values } of records) expect(Object.keys(values).every(isWellFormed)).toBe(true);
});

test('such a text is kept alike on every database, with U+FFFD in the place of what they do not keep', async () => {
  expect(wellFormed(odd)).toBe(asKept);
  const { objects } = services();
  await writeChunk(objects, 'r', 1, 1, [epochRecord(2, 20, { [`test/f1/${odd}`]: 0.5 })]);
  await writeProgress(objects, 'r', { phase: odd });
  await writeEnd(objects, 'r', 1, { ...failed, message: odd } as AttemptEnd);
  await settleAttempt(services(), { runId: 'r', attempt: 1 }, null, { crashLimit: 3, interruptedReason: '' });
  const { run } = await dataOf(services(), '{ run(id: "r") { metrics { name } failure { message } } }');
  expect(run.metrics.map(({ name }: { name: string }) => name)).toContain(`test/f1/${asKept}`);
  expect(run.failure.message).toBe(asKept);
});

test('the last words of a process that wrote no record may be anything', async () => {
  const end = { exitCode: 2, signal: null, lastWords: odd, asked: false, killedFor: null };
  await settleAttempt(services(), { runId: 'r', attempt: 1 }, end, { crashLimit: 3, interruptedReason: '' });
  const { run } = await dataOf(services(), '{ run(id: "r") { state failure { message } } }');
  expect(run).toEqual({ state: 'FAILED', failure: { message: expect.stringContaining(asKept) } });
});

test('a definition with such a text is refused by field', () => {
  const data = { train: '/a.csv', test: '/b.csv', classes: ['fine', odd] };
  expect(parseRunSpec({ runId: 'r', method: 'scratch', data })).toEqual({
    kind: 'invalid',
    problems: [{ path: 'data.classes.1', message: expect.stringContaining('NUL') }],
  });
});
