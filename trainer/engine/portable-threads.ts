import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PortableMemory } from './portable-memory';

/** TypeScript declares WebAssembly with the browser's library alone. */
interface SharedMemory {
  buffer: SharedArrayBuffer;
  grow(pages: number): number;
}
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory;
};

/** c = op(a) op(b), [m, k] x [k, n]; a, b and c are byte offsets in the backend's memory. */
export interface Product {
  a: number;
  b: number;
  c: number;
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
}

/** Computes a product on several threads; false where it did not, and one has to. */
export type Threads = (product: Product) => boolean;

const pageBytes = 2 ** 16;
/** 256 MiB, as the `asconfig.json` of the kernels says. */
const maximumPages = 4096;
/** Of the kernel: a part is whole tiles. */
const tileRows = 4;
/**
 * Of a part, at least: 0.4 ms of work. Two threads measured 1.8 times as fast as one at [700, 384] x [384, 1536], 1.5 at
 * [200, 384] x [384, 384], and 1.4 even at [256, 128] x [128, 128]; but to be woken on a busy machine can take 2 ms, which
 * is why the small ones are left to one.
 */
const leastMultiplications = 2 ** 23;
/** Every thread reads all of op(b): two measured 1.3 times as fast as one at 64 rows, and slower at 32. */
const leastRows = 32;

/**
 * Divides large products by the rows of op(a) among threads, whose sums are those of one thread to the bit. The memory of
 * the backend is its own, so the other threads have one between them: operands are copied there, and rows of c back.
 *
 * They start when a product first needs them, which does not wait for that, and hold no process open. Where one fails, ends
 * or does not answer in time, a warning says so and a single thread goes on.
 * @param count of threads, with the caller's
 */
export function openThreads(
  memory: PortableMemory,
  count: number,
  { file = join(__dirname, 'portable-worker.cjs'), patienceMilliseconds = 30_000 } = {},
): Threads {
  let isAlone = count === 1;
  let team: Team | null = null;
  const goOnAlone = (reason: string) => {
    if (isAlone) return;
    isAlone = true;
    for (const { worker } of team?.helpers ?? []) void worker.terminate();
    team = null;
    process.emitWarning(`the portable engine goes on with one thread: ${reason}`);
  };
  return (product) => {
    const most = isAlone ? 1 : worthwhileParts(product, count);
    if (most < 2) return false;
    const division = divide(memory, product, most);
    if (division.bytes > maximumPages * pageBytes) return false;
    try {
      team ??= assembleTeam();
      while (team.helpers.length < division.parts.length) team.helpers.push(startHelper(team, file, goOnAlone));
      if (!team.helpers.every(({ control }) => isIdle(control))) return false;
      multiply(memory, team, product, division, patienceMilliseconds);
      return true;
    } catch (error) {
      goOnAlone((error as Error).message);
      return false;
    }
  };
}

function worthwhileParts({ m, n, k }: Product, threads: number): number {
  return Math.min(threads, Math.floor(m / leastRows), Math.floor((m * n * k) / leastMultiplications));
}

interface Team {
  compiled: object;
  memory: SharedMemory;
  helpers: Helper[];
}

interface Helper {
  worker: Worker;
  /** 1 where it waits for work, and behind that what `matMulRows` takes. */
  control: Int32Array;
}

function assembleTeam(): Team {
  const compiled = new WebAssembly.Module(readFileSync(join(__dirname, 'assembly', 'matmul.wasm')));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: maximumPages, shared: true });
  return { compiled, memory, helpers: [] };
}

function startHelper({ compiled, memory }: Team, file: string, onEnd: (reason: string) => void): Helper {
  const control = new Int32Array(new SharedArrayBuffer(64));
  // Without the options of this process, which may load what translates TypeScript.
  const worker = new Worker(file, { workerData: { compiled, memory, control }, execArgv: [] });
  worker.on('error', ({ message }) => onEnd(`another failed (${message})`));
  worker.on('exit', () => onEnd('another ended'));
  worker.unref();
  return { worker, control };
}

const isIdle = (control: Int32Array): boolean => Atomics.load(control, 0) === 1;

/** Which rows each thread computes, the caller's first, and the bytes where the others' operands lie in their memory. */
interface Division {
  own: number;
  parts: { first: number; rows: number; scratch: number }[];
  a: number;
  b: number;
  c: number;
  bytes: number;
}

function divide({ compiled }: PortableMemory, { m, n, k, transposeA }: Product, most: number): Division {
  const own = Math.ceil(m / most / tileRows) * tileRows;
  let bytes = 0;
  const place = (size: number) => {
    const offset = bytes;
    bytes += Math.ceil(size / 64) * 64;
    return offset;
  };
  // The rows of a transposed matrix lie side by side: it is copied whole.
  const [a, b, c] = [place(4 * k * (transposeA ? m : m - own)), place(4 * k * n), place(4 * n * (m - own))] as const;
  const parts = [];
  for (let first = own; first < m; first += own) {
    const rows = Math.min(own, m - first);
    parts.push({ first, rows, scratch: place(compiled.matMulScratchBytes(rows, n, k)) });
  }
  return { own, parts, a, b, c, bytes };
}

/** @throws Error where a part was not computed in time, or the memory of threads cannot grow */
function multiply(
  memory: PortableMemory,
  team: Team,
  product: Product,
  { own, parts, ...at }: Division,
  patienceMilliseconds: number,
): void {
  const { m, n, k, transposeA, transposeB } = product;
  const missing = at.bytes - team.memory.buffer.byteLength;
  if (missing > 0) team.memory.grow(Math.ceil(missing / pageBytes));
  const shared = (offset: number, length: number) => new Float32Array(team.memory.buffer, offset, length);
  const skipped = transposeA ? 0 : own;
  shared(at.a, (m - skipped) * k).set(memory.floats(product.a + 4 * skipped * k, (m - skipped) * k));
  shared(at.b, k * n).set(memory.floats(product.b, k * n));
  const sizes = [m, n, k, Number(transposeA), Number(transposeB), 0, 0];
  const busy = parts.map(({ first, rows, scratch }, index) => {
    const a = at.a + 4 * (transposeA ? first : (first - own) * k);
    const { control } = team.helpers[index]!;
    control.set([a, at.b, at.c + 4 * (first - own) * n, scratch, rows, ...sizes], 1);
    Atomics.store(control, 0, 0);
    Atomics.notify(control, 0);
    return control;
  });
  const scratch = memory.scratch(memory.compiled.matMulScratchBytes(own, n, k));
  memory.compiled.matMulRows(product.a, product.b, product.c, scratch, own, ...sizes);
  // A call for the product before may come late: only the number tells.
  for (const control of busy)
    while (!isIdle(control))
      if (Atomics.wait(control, 0, 0, patienceMilliseconds) === 'timed-out')
        throw new Error(`another did not answer within ${patienceMilliseconds / 1000} s`);
  memory.floats(product.c + 4 * own * n, (m - own) * n).set(shared(at.c, (m - own) * n));
}
