import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { batchEnvironment, exitCodes, resultKey, specKey, trainerEnvironment } from '../contract/keys';
import { methodNames, methods } from '../contract/methods';
import { DamagedObjectError, orDamage } from '../contract/objects/damaged-object';
import type { ObjectStore } from '../contract/objects/object-store';
import { ObjectStoreError } from '../contract/objects/object-store-error';
import { objectsLocationSchema, openObjects } from '../contract/objects/open-objects';
import { type S3Settings, s3EnvironmentSchema, s3SettingsOf } from '../contract/objects/s3-location';
import { readStored } from '../contract/objects/stored-json';
import { parametersSchema } from '../contract/parameters';
import { resultSchema } from '../contract/records';
import {
  type Checked,
  identifierSchema,
  type Problem,
  parseRunSpec,
  problemsOf,
  type RunSpec,
  unreadParameters,
} from '../contract/run-spec';
import { codeVersion } from './machine/code-version';
import { findMachine, instanceMetadataAddress } from './machine/machine';
import { ownObjects } from './machine/own-objects';
import { findChildRun } from './run/array-job';
import { type AttemptOutcome, attemptRun, failureOf } from './run/attempt';
import { consoleReporter, resultTable } from './run/console';

const help = `Trains one run, from its beginning or from its last checkpoint, and writes what comes of it under runs/<id>/.

  npm run trainer -- spec.json [--objects PLACE]     a run defined in a file
  npm run trainer -- --run ID --objects PLACE        a run whose definition is in the objects already

  --objects PLACE where the objects are: a folder, or s3://bucket/prefix (${trainerEnvironment.objects}; default data/objects)
  --run ID        the run to carry out (${trainerEnvironment.runId})
  --help          this text

Models of the hub and teacher logits are kept in ${trainerEnvironment.cache} (default ~/.cache/stillhouse).
S3 is reached as the AWS tools are told: AWS_ENDPOINT_URL_S3 (for another storage than AWS), AWS_REGION, AWS_PROFILE,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
Ctrl-C or SIGTERM: the run writes a checkpoint and ends; the same command continues it.
Exit codes: ${Object.entries(exitCodes)
  .map(([name, code]) => `${code} ${name}`)
  .join(', ')}.
`;

const environmentSchema = s3EnvironmentSchema.extend({
  [trainerEnvironment.runId]: identifierSchema.optional(),
  [trainerEnvironment.objects]: objectsLocationSchema.optional(),
  [trainerEnvironment.cache]: z.string().min(1).optional(),
  [trainerEnvironment.manifest]: z.string().min(1).optional(),
  [batchEnvironment.jobId]: z.string().min(1).optional(),
  [batchEnvironment.arrayIndex]: z.coerce.number().pipe(z.int().min(0)).optional(),
  [trainerEnvironment.commit]: z.string().optional(),
  [trainerEnvironment.threads]: z.coerce.number().pipe(z.int().min(1).max(256)).optional(),
  /** As the AWS SDKs have it: asked on any machine, where it is given. */
  AWS_EC2_METADATA_SERVICE_ENDPOINT: z.url().optional(),
  /** Where systems that follow the XDG convention keep what can be had again. */
  XDG_CACHE_HOME: z.string().min(1).optional(),
});

interface Arguments {
  objectsLocation: string;
  s3: S3Settings;
  cacheDirectory: string;
  /** Of a native engine, where the definition of the run names no number; null: all cores. */
  threads: number | null;
  /** Id of the Batch job that this process is; null outside Batch. */
  job: string | null;
  /** As a built program is told it; null: none was. */
  commit: string | null;
  /** Where the machine tells what it is, where that was given. */
  metadataAddress: string | null;
  run:
    | { kind: 'stored'; runId: string }
    | { kind: 'child'; manifest: string; index: number }
    | { kind: 'file'; path: string };
}

async function main(): Promise<number> {
  const given = readArguments();
  if (given === 'help') {
    process.stdout.write(help);
    return exitCodes.succeeded;
  }
  if (given.kind === 'invalid') return refuse(given.problems.map(({ message }) => message));
  const signal = stopSignal();
  const { objectsLocation, s3, cacheDirectory, threads, job, commit, metadataAddress, run } = given.value;
  const objects = withWriteHints(await openObjects(objectsLocation, s3));
  const reporter = consoleReporter(process.stdout);
  try {
    if (signal.aborted) return exitCodes.interrupted;
    const stored = await findRun(objects, run);
    if (stored.kind === 'refused') return refuse(stored.messages);
    const { runId } = stored;
    const billed =
      job === null && metadataAddress === null
        ? null
        : await findMachine(metadataAddress ?? instanceMetadataAddress, cacheDirectory);
    const outcome = await attemptRun({
      objects: ownObjects(objects, runId),
      runId,
      cacheDirectory,
      s3,
      threads,
      job,
      machine: billed?.machine ?? null,
      code: await codeVersion(commit),
      signal,
      reporter,
    });
    reporter.end();
    await billed?.accountUntilNow();
    await tellOutcome(objects, runId, outcome);
    return exitCodeOf(outcome);
  } catch (error) {
    // The store could not be reached: a folder that may not be written, say. Where in the program shows nothing more.
    if (error instanceof ObjectStoreError) return refuse([error.message], exitCodes.resources);
    const { kind, message } = failureOf(error);
    process.stderr.write(`${message}\n`);
    return exitCodes[kind];
  }
}

/** The command line, with the environment for what it leaves out; every problem at once. */
function readArguments(): Checked<Arguments> | 'help' {
  const options = { objects: { type: 'string' }, run: { type: 'string' }, help: { type: 'boolean' } } as const;
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return { kind: 'invalid', problems: [{ path: '', message: `${(error as Error).message}. See --help.` }] };
  }
  if (parsed.values.help) return 'help';
  const flags = { [trainerEnvironment.runId]: 'run', [trainerEnvironment.objects]: 'objects' } as const;
  const given = new Map<string, 'run' | 'objects'>(
    Object.entries(flags).filter(([, flag]) => parsed.values[flag] !== undefined),
  );
  const values = [...given].map(([name, flag]) => [name, parsed.values[flag]]);
  const environment = environmentSchema.safeParse({ ...process.env, ...Object.fromEntries(values) });
  if (!environment.success) {
    // By the name under which it was given.
    const problems = problemsOf(environment.error).map(({ path, message }) => {
      const flag = given.get(path);
      return { path, message: `${flag === undefined ? path : `--${flag}`} ${message}` };
    });
    return { kind: 'invalid', problems };
  }
  const runId = environment.data[trainerEnvironment.runId];
  const manifest = environment.data[trainerEnvironment.manifest];
  const [path, ...more] = parsed.positionals;
  if ([path, runId, manifest].filter((given) => given !== undefined).length !== 1 || more.length > 0)
    return {
      kind: 'invalid',
      problems: [{ path: '', message: 'give a spec file or the id of a run, one of them. See --help.' }],
    };
  const cacheHome = environment.data.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return {
    kind: 'valid',
    value: {
      objectsLocation: environment.data[trainerEnvironment.objects] ?? join('data', 'objects'),
      s3: s3SettingsOf(environment.data),
      cacheDirectory: resolve(environment.data[trainerEnvironment.cache] ?? join(cacheHome, 'stillhouse')),
      threads: environment.data[trainerEnvironment.threads] ?? null,
      commit: environment.data[trainerEnvironment.commit] || null,
      job: environment.data[batchEnvironment.jobId] ?? null,
      metadataAddress: environment.data.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? null,
      run: wantedRun({ path, runId, manifest, index: environment.data[batchEnvironment.arrayIndex] ?? 0 }),
    },
  };
}

/** Which of the ways to name a run was taken; exactly one was. */
function wantedRun(given: {
  path: string | undefined;
  runId: string | undefined;
  manifest: string | undefined;
  index: number;
}): Arguments['run'] {
  const { path, runId, manifest, index } = given;
  if (path !== undefined) return { kind: 'file', path };
  return manifest === undefined ? { kind: 'stored', runId: runId! } : { kind: 'child', manifest, index };
}

type StoredSpec = { kind: 'stored'; runId: string } | { kind: 'refused'; messages: string[] };

async function findRun(objects: ObjectStore, run: Arguments['run']): Promise<StoredSpec> {
  switch (run.kind) {
    case 'file':
      return storeSpec(objects, run.path);
    case 'stored':
      return findSpec(objects, run.runId);
    case 'child': {
      const child = await findChildRun(objects, run.manifest, run.index);
      return child.kind === 'found' ? findSpec(objects, child.runId) : child;
    }
  }
}

/** Without a definition there is no run whose attempts could be recorded. */
async function findSpec(objects: ObjectStore, runId: string): Promise<StoredSpec> {
  const key = specKey(runId);
  if ((await objects.info(key)) !== null) return { kind: 'stored', runId };
  const message = `there is no run "${runId}": ${key} does not exist among the objects; give its definition as a file`;
  return { kind: 'refused', messages: [message] };
}

/** Puts the definition from a file into the run's prefix. A run that has another definition already is left alone. */
async function storeSpec(objects: ObjectStore, path: string): Promise<StoredSpec> {
  const spec = readSpecFile(path);
  if (spec.kind === 'invalid')
    return {
      kind: 'refused',
      messages: spec.problems.map((problem) => [path, problem.path, problem.message].filter(Boolean).join(': ')),
    };
  const { runId } = spec.value;
  const key = specKey(runId);
  const outcome = await objects.write(key, `${JSON.stringify(spec.value, null, 2)}\n`, { if: 'absent' });
  if (outcome.kind === 'written') return { kind: 'stored', runId };
  const stored = await orDamage(readStored(objects, key, z.unknown()));
  if (stored instanceof DamagedObjectError) return { kind: 'refused', messages: [stored.message] };
  const before = parseRunSpec(stored);
  if (before.kind === 'valid' && JSON.stringify(before.value) === JSON.stringify(spec.value))
    return { kind: 'stored', runId };
  const message = `${path}: run "${runId}" has another definition already (${key}): give this one another runId`;
  return { kind: 'refused', messages: [message] };
}

/** The definition in a file, its defaults filled in; hyper-parameters that its method does not read are refused. */
function readSpecFile(path: string): Checked<RunSpec> {
  const invalid = (message: string): Checked<RunSpec> => ({ kind: 'invalid', problems: [{ path: '', message }] });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return invalid(`cannot be read: ${(error as Error).message}`);
  }
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    return invalid(`is not JSON: ${(error as Error).message}`);
  }
  const unread = unreadParameterProblems(given);
  const spec = parseRunSpec(given);
  if (spec.kind === 'invalid') return { kind: 'invalid', problems: [...spec.problems, ...unread] };
  return unread.length > 0 ? { kind: 'invalid', problems: unread } : spec;
}

/** A definition with every hyper-parameter is a resolved one, which holds also those that its method does not read. */
function unreadParameterProblems(given: unknown): Problem[] {
  const { method, parameters } = (given ?? {}) as Record<string, unknown>;
  const name = methodNames.find((known) => known === method);
  if (name === undefined || typeof parameters !== 'object' || parameters === null) return [];
  if (Object.keys(parametersSchema.shape).every((parameter) => Object.hasOwn(parameters, parameter))) return [];
  return unreadParameters(name, parameters).map((parameter) => ({
    path: `parameters.${parameter}`,
    message: `${name} does not read it, so it would change nothing: remove it; ${name} reads ${methods[name].parameters.join(', ')}`,
  }));
}

/** Aborted by SIGTERM, SIGINT, or the end of the process that started this one over a channel. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  // That process may be gone already: its channel is closed then, though it can be seen that there was one.
  if (process.send !== undefined && !process.connected) stop();
  process.once('disconnect', stop);
  return controller.signal;
}

/** The store, telling the parent process of every write, if it listens: a hint that it can look, nothing more. */
function withWriteHints(objects: ObjectStore): ObjectStore {
  if (!process.channel) return objects;
  return {
    ...objects,
    write: async (key, body, options) => {
      const outcome = await objects.write(key, body, options);
      if (process.connected) process.send?.({ wrote: key }, undefined, undefined, () => {});
      return outcome;
    },
  };
}

async function tellOutcome(objects: ObjectStore, runId: string, outcome: AttemptOutcome): Promise<void> {
  switch (outcome.outcome) {
    case 'finished-before':
    case 'succeeded': {
      const result = await readStored(objects, resultKey(runId), resultSchema);
      return void process.stdout.write(result === null ? 'its result was deleted\n' : `${resultTable(result)}\n`);
    }
    case 'interrupted':
      return void process.stdout.write(`interrupted at step ${outcome.step}; the same command continues from there\n`);
    case 'failed':
      return void process.stderr.write(`failed (${outcome.kind}): ${outcome.message}\n`);
  }
}

function exitCodeOf(outcome: AttemptOutcome): number {
  if (outcome.outcome === 'failed') return exitCodes[outcome.kind];
  return outcome.outcome === 'interrupted' ? exitCodes.interrupted : exitCodes.succeeded;
}

function refuse(messages: string[], code: number = exitCodes.input): number {
  process.stderr.write(`${messages.join('\n')}\n`);
  return code;
}

// An engine may keep threads alive that would hold the process open.
main().then((code) => process.exit(code));
