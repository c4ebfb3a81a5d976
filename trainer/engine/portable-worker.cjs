/**
 * One of the portable engine's threads beside the first (`portable-threads.ts`): computes rows of a product whenever
 * they are given to it. Plain JavaScript, so that Node starts it alone, without what translates TypeScript.
 */
const { workerData } = require('node:worker_threads');

const { compiled, memory, control } = workerData;
const { matMulRows } = new WebAssembly.Instance(compiled, { env: { memory } }).exports;
// The first number is 1 while it waits for work; behind it are the arguments.
const parameters = control.subarray(1);
for (;;) {
  Atomics.store(control, 0, 1);
  Atomics.notify(control, 0);
  // A call to the work before may come late: only the number tells.
  while (Atomics.load(control, 0) === 1) Atomics.wait(control, 0, 1);
  matMulRows(...parameters);
}
