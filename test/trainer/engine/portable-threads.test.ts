import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { openPortableMemory, type PortableMemory, type WasmBackend } from '../../../trainer/engine/portable-memory';
import { openThreads, type Product, type Threads } from '../../../trainer/engine/portable-threads';
import { useEngine } from '../../testkit/engines';
import { normalTensor } from '../../testkit/tensors';
import { useTestFolder } from '../../testkit/test-folder';

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => Buffer.from(buffer, byteOffset, byteLength);

describe('threads of the portable engine', () => {
  const folder = useTestFolder();
  let memory: PortableMemory;
  beforeAll(async () => {
    await useEngine('portable');
    memory = openPortableMemory(tf.backend() as unknown as WasmBackend);
  });
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  /** The product of one thread, and a call of others for the same. */
  function arrange([m, n, k]: readonly [number, number, number], transposeA = false, transposeB = false) {
    const a = normalTensor('a', transposeA ? [k, m] : [m, k]);
    const b = normalTensor('b', transposeB ? [n, k] : [k, n]);
    const out = tf.zeros([m, n]);
    const at = (tensor: TensorInfo) => memory.offsetOf(tensor);
    const product: Product = { a: at(a), b: at(b), c: at(out), m, n, k, transposeA, transposeB };
    return {
      alone: tf.matMul(a, b, transposeA, transposeB).dataSync<'float32'>(),
      product,
      found: () => memory.floats(product.c, m * n),
    };
  }

  /** The first large products are left to one thread, until the others have started. */
  async function untilDivided(threads: Threads, product: Product): Promise<void> {
    for (let tries = 0; !threads(product); tries++) {
      if (tries > 1000) throw new Error('the threads did not start');
      await sleep(5);
    }
  }

  it('compute the product of one thread to the bit, however many and however the matrices lie', async () => {
    const teams = [2, 3, 5].map((count) => openThreads(memory, count));
    for (const [transposeA, transposeB] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      // Parts that are no multiple of a tile, more than one block of the depth, and fewer parts than threads.
      for (const size of [
        [601, 387, 130],
        [333, 130, 1030],
        [64, 1000, 514],
      ] as const) {
        const { alone, product, found } = arrange(size, transposeA, transposeB);
        for (const threads of teams) {
          found().fill(Number.NaN);
          await untilDivided(threads, product);
          expect(bytesOf(found()).equals(bytesOf(alone))).toBe(true);
        }
      }
    }
  });

  it('compute one product after the other', async () => {
    const threads = openThreads(memory, 2);
    const { alone, product, found } = arrange([256, 128, 512]);
    await untilDivided(threads, product);
    for (let round = 0; round < 1000; round++) {
      found().fill(0);
      expect(threads(product)).toBe(true);
      expect(bytesOf(found()).equals(bytesOf(alone))).toBe(true);
    }
  });

  it('are waited for though called to before they are done', async () => {
    const file = join(folder.path(), 'early.cjs');
    writeFileSync(
      file,
      `const { control } = require('node:worker_threads').workerData;
      const sleep = () => Atomics.wait(control, 0, 0, 20);
      for (;;) {
        Atomics.store(control, 0, 1);
        Atomics.notify(control, 0);
        Atomics.wait(control, 0, 1);
        sleep();
        Atomics.notify(control, 0);
        sleep();
      }`,
    );
    const threads = openThreads(memory, 2, { file });
    const { product } = arrange([256, 128, 512]);
    await untilDivided(threads, product);
    expect(threads(product)).toBe(true);
  });

  it('leave small products, and what would need too much memory, to one', async () => {
    const threads = openThreads(memory, 2);
    await untilDivided(threads, arrange([512, 512, 512]).product);
    const { product } = arrange([64, 64, 64]);
    expect(threads(product)).toBe(false);
    expect(threads({ ...product, m: 2 ** 15, n: 2 ** 13, k: 64 })).toBe(false);
  });

  it.each([
    ['fail to start', "throw new Error('no start')", 'no start'],
    ['end', 'process.exit()', 'another ended'],
    ['never answer', 'Atomics.store(workerData.control, 0, 1); setInterval(() => {}, 1000)', 'did not answer'],
  ])('are given up with a warning where they %s', async (_, script, reason) => {
    const file = join(folder.path(), 'worker.cjs');
    writeFileSync(file, `const { workerData } = require('node:worker_threads');\n${script};\n`);
    const warning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const threads = openThreads(memory, 3, { file, patienceMilliseconds: 50 });
    const { product } = arrange([512, 512, 512]);
    while (warning.mock.calls.length === 0) {
      expect(threads(product)).toBe(false);
      await sleep(5);
    }
    expect(warning.mock.calls).toEqual([[expect.stringContaining(reason)]]);
    expect(threads(product)).toBe(false);
    warning.mockRestore();
  });
});
