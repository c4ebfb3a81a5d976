import { join } from 'node:path';
import fc from 'fast-check';
import { stitchedChunks } from '../../../api/metrics/stitched-chunks';
import { attemptKey } from '../../../contract/keys';
import { directoryObjectStore } from '../../../contract/objects/directory';
import { type AttemptRecords, type MetricRecord, stitch } from '../../../contract/records';
import { useTestFolder } from '../../testkit/test-folder';
import { epochRecord, stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const folder = useTestFolder();

/** Attempts as trainers leave them: steps ascend, and a later attempt begins at or behind where it resumed. */
const attempts = fc
  .array(
    fc.record({
      resumedFromStep: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 4 }),
      steps: fc.integer({ min: 0, max: 10 }),
      repeats: fc.boolean(),
      chunk: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((given) =>
    given.map(({ resumedFromStep, steps, repeats, chunk }, index) => {
      const from = index === 0 ? null : resumedFromStep;
      const first = (from ?? 0) + (repeats && from !== null ? 0 : 1);
      const records = Array.from({ length: steps }, (_, i) => first + i).flatMap((step) => [
        stepRecord(step, { attempt: index + 1 }),
        ...(step % 3 === 0 ? [epochRecord(step / 3, step, { attempt: index + 1 })] : []),
      ]);
      return { attempt: index + 1, resumedFromStep: from, records, chunk };
    }),
  );

test('chunk by chunk, and from any chunk on, it is the history that stitching all at once gives', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(attempts, async (given) => {
      const objects = directoryObjectStore(join(folder.path(), String(++run)));
      for (const { attempt, resumedFromStep, records, chunk } of given) {
        await writeAttempt(objects, 'r', attempt, resumedFromStep);
        for (let at = 0; at < records.length; at += chunk)
          await writeChunk(objects, 'r', attempt, at / chunk, records.slice(at, at + chunk));
      }
      const chunks: { key: string; records: MetricRecord[] }[] = [];
      for await (const found of stitchedChunks(objects, 'r', null)) chunks.push(found);

      // An attempt that has written nothing yet takes nothing back.
      const begun: AttemptRecords[] = given.filter(({ records }) => records.length > 0);
      expect(chunks.flatMap(({ records }) => records)).toEqual(stitch(begun));
      for (const [place, { key }] of chunks.entries()) {
        const rest: string[] = [];
        for await (const found of stitchedChunks(objects, 'r', key)) rest.push(found.key);
        expect(rest).toEqual(chunks.slice(place).map((chunk) => chunk.key));
      }
    }),
    { numRuns: 60 },
  );
});

/** Reads the history of a run. @returns steps in their order, keys of damage, and the number of list requests */
async function readCounted(objects: ReturnType<typeof directoryObjectStore>) {
  const list = jest.spyOn(objects, 'list');
  const [steps, damage]: [number[], string[]] = [[], []];
  for await (const chunk of stitchedChunks(objects, 'r', null)) {
    steps.push(...chunk.records.map(({ step }) => step));
    if (chunk.damage !== null) damage.push(chunk.key);
  }
  return { steps, damage, lists: list.mock.calls.length };
}

test('of a run that never resumed it takes three list requests: its attempts, further ones, and its chunks', async () => {
  const objects = directoryObjectStore(folder.path());
  await writeAttempt(objects, 'r', 1, null);
  await writeChunk(objects, 'r', 1, 0, [stepRecord(1, { loss: 1 })]);
  expect(await readCounted(objects)).toEqual({ steps: [1], damage: [], lists: 3 });
});

test.each([1, 2, 3])('chunks of an attempt count where its record is missing: attempt %i of 3', async (lost) => {
  const objects = directoryObjectStore(folder.path());
  for (const attempt of [1, 2, 3]) {
    if (attempt !== lost) await writeAttempt(objects, 'r', attempt, attempt === 1 ? null : attempt - 1);
    await writeChunk(objects, 'r', attempt, 0, [
      stepRecord(attempt, { loss: 1 }),
      stepRecord(attempt + 1, { loss: 2 }),
    ]);
  }
  const { steps, damage } = await readCounted(objects);
  expect(steps).toEqual([1, 2, 3, 4]);
  expect(damage).toEqual([attemptKey('r', lost)]);
});
