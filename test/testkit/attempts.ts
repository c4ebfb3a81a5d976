import { join } from 'node:path';
import { specKey } from '../../contract/keys';
import { directoryObjectStore } from '../../contract/objects/directory';
import type { ObjectStore } from '../../contract/objects/object-store';
import { parseRunSpec, type RunSpecInput } from '../../contract/run-spec';
import { type AttemptOutcome, attemptRun, type Reporter } from '../../trainer/run/attempt';
import { sourcesIn } from './input-sources';

/** The store of the trainers of a folder. */
export const storeOf = (folder: string): ObjectStore => directoryObjectStore(join(folder, 'objects'));

/** Carries out a definition in this process, as `main.ts` does. */
export async function attemptIn(
  folder: string,
  spec: RunSpecInput,
  objects: ObjectStore = storeOf(folder),
  signal = new AbortController().signal,
  watch: Partial<{ record(record: { scope: string }): unknown; phase(phase: string): unknown }> = {},
): Promise<AttemptOutcome> {
  const parsed = parseRunSpec(spec);
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  await storeOf(folder).write(specKey(spec.runId), JSON.stringify(parsed.value));
  const ignore = () => {};
  const reporter: Reporter = { attempt: ignore, note: ignore, phase: ignore, plan: ignore, record: ignore, ...watch };
  return attemptRun({
    objects,
    runId: spec.runId,
    ...sourcesIn(join(folder, 'cache')),
    threads: 1,
    job: null,
    machine: null,
    code: 'a test',
    signal,
    reporter,
  });
}
