import { availableParallelism } from 'node:os';
import type { NativeStart } from './native';

export interface EngineRequest {
  engine: 'auto' | 'native' | 'portable';
  device: 'auto' | 'cpu' | 'gpu';
  /** null: as many as the process may use. */
  threads: number | null;
}

export interface EngineDescription {
  name: 'native' | 'portable';
  /** Of TensorFlow on native, of TensorFlow.js on portable. */
  version: string;
  /** What computes: `cpu`, or the name of the GPU. */
  device: string;
  threads: number;
  /** Why this engine runs. */
  reason: string;
}

export interface EngineProblem {
  path: string;
  message: string;
}

export type EngineChoice =
  | { kind: 'started'; engine: EngineDescription }
  | { kind: 'unavailable'; problems: EngineProblem[] };

let running: EngineDescription | null = null;

/**
 * Starts the engine asked for; `auto` is native where its addon loads, else portable. A process has one engine: asked
 * again for what runs it answers the same, and asked for another it refuses. Nothing of a backend is loaded before.
 */
export async function startEngine(request: EngineRequest): Promise<EngineChoice> {
  if (running === null) {
    const choice = await chooseAndStart(request);
    if (choice.kind === 'started') running = choice.engine;
    return choice;
  }
  if (fits(running, request)) return { kind: 'started', engine: running };
  const { name, device, threads } = running;
  return unavailable(
    'engine',
    `this process already runs ${name} on ${device} with ${threads} threads; start another process for ${JSON.stringify(request)}`,
  );
}

function fits(engine: EngineDescription, request: EngineRequest): boolean {
  if (request.engine !== 'auto' && request.engine !== engine.name) return false;
  if (request.device !== 'auto' && (request.device === 'cpu') !== (engine.device === 'cpu')) return false;
  return request.threads === null || request.threads === engine.threads;
}

async function chooseAndStart(request: EngineRequest): Promise<EngineChoice> {
  const problems = impossible(request);
  if (problems.length > 0) return { kind: 'unavailable', problems };
  const threads = request.threads ?? availableParallelism();
  if (request.engine === 'portable') return startPortableEngine(threads, 'asked for');

  const { startNative } = await import('./native');
  const native = await startNative(threads, request.device);
  if (native.kind === 'started') return describeNative(native, request);
  if (request.device === 'gpu') {
    return unavailable(
      'device',
      `a GPU needs the native engine, and it does not load (${native.message}): run \`npm run engine -- --gpu\``,
    );
  }
  if (request.engine === 'native') {
    return unavailable(
      'engine',
      `the native engine does not load (${native.message}): run \`npm run engine\`, or ask for auto or portable`,
    );
  }
  return startPortableEngine(
    threads,
    `the native engine does not load (${native.message}); \`npm run engine\` installs it`,
  );
}

function impossible(request: EngineRequest): EngineProblem[] {
  const problems: EngineProblem[] = [];
  const { threads } = request;
  if (threads !== null && !(Number.isInteger(threads) && threads >= 1)) {
    problems.push({ path: 'threads', message: `${threads} is not a whole number of threads, 1 or more` });
  }
  if (request.engine === 'portable' && request.device === 'gpu') {
    problems.push({
      path: 'device',
      message: 'the portable engine runs on the CPU alone: ask for engine native or auto, or for device cpu',
    });
  }
  return problems;
}

function describeNative(native: Extract<NativeStart, { kind: 'started' }>, request: EngineRequest): EngineChoice {
  if (request.device === 'gpu' && native.device === 'cpu') {
    return unavailable(
      'device',
      'a GPU was asked for and TensorFlow found none: check that `nvidia-smi` lists one, install its runtime by `npm run engine -- --gpu`, or ask for device cpu',
    );
  }
  const reason = request.engine === 'native' ? 'asked for' : 'its addon is installed and loads';
  const { version, device, threads } = native;
  return { kind: 'started', engine: { name: 'native', version, device, threads, reason } };
}

async function startPortableEngine(threads: number, reason: string): Promise<EngineChoice> {
  const { startPortable } = await import('./portable');
  const portable = await startPortable(threads);
  if (portable.kind === 'failed') return unavailable('engine', portable.message);
  const { version } = portable;
  return { kind: 'started', engine: { name: 'portable', version, device: 'cpu', threads, reason } };
}

function unavailable(path: string, message: string): EngineChoice {
  return { kind: 'unavailable', problems: [{ path, message }] };
}
