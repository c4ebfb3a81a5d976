import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { enginePaths } from '../../trainer/engine/install/runtime';
import { startNative } from '../../trainer/engine/native';
import { startPortable } from '../../trainer/engine/portable';

export type EngineName = 'native' | 'portable';

/** Portable always; native where its addon lies in node_modules (`npm run engine`). */
export function availableEngines(): EngineName[] {
  const paths = enginePaths();
  return paths && existsSync(paths.addon) ? ['portable', 'native'] : ['portable'];
}

/**
 * The same tests once on each engine, one thread; where native is not installed its block is there and skipped. Each
 * test runs in a tidy scope of its own (`tf.engine().startScope`), so that what it leaves behind meets no other test.
 */
export function describeOnEveryEngine(title: string, tests: (engine: EngineName) => void): void {
  const available = availableEngines();
  for (const engine of ['portable', 'native'] as const) {
    const installed = available.includes(engine);
    const block = installed ? describe : describe.skip;
    block(installed ? `${title} (${engine})` : `${title} (${engine}: not installed, run \`npm run engine\`)`, () => {
      beforeAll(() => useEngine(engine));
      beforeEach(() => tf.engine().startScope());
      afterEach(() => tf.engine().endScope());
      tests(engine);
    });
  }
}

/** A test process may hold both backends, unlike a run; the one used last computes. */
export async function useEngine(engine: EngineName): Promise<void> {
  const start = engine === 'native' ? await startNative(1, 'auto') : await startPortable(1);
  if (start.kind !== 'started') throw new Error(`The ${engine} engine does not start: ${start.message}`);
}
