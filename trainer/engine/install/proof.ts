import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { EngineChoice, EngineRequest } from '../engine';

export type Proof =
  | { kind: 'passed'; engine: Extract<EngineChoice, { kind: 'started' }>['engine'] }
  | { kind: 'failed'; reason: string };

/**
 * Starts the engine in a process of its own and computes what is known beforehand: an addon that loads may yet be
 * built against other libraries, and a library that cannot be loaded may end the process.
 */
export async function proveEngine(request: EngineRequest): Promise<Proof> {
  const parameters = [...process.execArgv, require.resolve('./proof-process'), JSON.stringify(request)];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, parameters, { timeout: 120_000 });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Proof;
  } catch (error) {
    const { message, signal } = error as Error & { signal?: string };
    return { kind: 'failed', reason: signal ? `the process ended by ${signal}` : message };
  }
}
