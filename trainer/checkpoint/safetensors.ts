import { endianness } from 'node:os';
import type { Checked, Problem } from '../../contract/run-spec';

const elementBytes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type StoredType = keyof typeof elementBytes;

/** A tensor as it lies in a file: nothing is converted or copied before `float32Values`. */
export interface StoredTensor {
  dtype: StoredType;
  shape: number[];
  bytes: Uint8Array;
}

export interface SafetensorsFile {
  tensors: Map<string, StoredTensor>;
  /** Free text about the file (`__metadata__`). */
  metadata: Record<string, string>;
}

/** The format's own limit on the length of a header. */
const maxHeaderBytes = 100_000_000;
const remedy = 'copy or download the file again, or save it anew as safetensors';

/**
 * Reads a safetensors file (https://github.com/huggingface/safetensors#format): 8 bytes of header length, a JSON header, then
 * the tensors. Every offset is checked: all inside the file, each range as long as its type and shape say, no overlap and no
 * gap. Tensors are views of `bytes`.
 *
 * @param file its name, for messages
 * @returns every problem found, with the tensor as path
 */
export function readSafetensors(bytes: Uint8Array, file: string): Checked<SafetensorsFile> {
  const problems: Problem[] = [];
  const problem = (path: string, found: string) =>
    problems.push({ path, message: `${file}: ${path === '' ? '' : `tensor "${path}" `}${found}; ${remedy}` });
  const invalid = (found: string): Checked<SafetensorsFile> => {
    problem('', found);
    return { kind: 'invalid', problems };
  };

  if (bytes.length < 8) return invalid(`holds ${bytes.length} bytes, too few for a safetensors file`);
  const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (headerBytes > maxHeaderBytes)
    return invalid(`is no safetensors file: its first 8 bytes would be a header of ${headerBytes} bytes`);
  if (8 + headerBytes > bytes.length)
    return invalid(`is cut short: its header alone takes ${8 + headerBytes} bytes, but it has ${bytes.length}`);
  const header = parseHeader(bytes.subarray(8, 8 + headerBytes));
  if (header === null) return invalid('is no safetensors file: its header is not a JSON object');

  const data = bytes.subarray(8 + headerBytes);
  const promisedBytes = Math.max(0, ...Object.values(header).map(endOf));
  if (promisedBytes > data.length)
    return invalid(`is cut short: its tensors take ${promisedBytes} bytes, but ${data.length} are there`);
  const tensors = new Map<string, StoredTensor>();
  const ranges: { name: string; begin: number; end: number }[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (isTextRecord(entry)) metadata = entry;
      else problem(name, 'is not a table of texts');
      continue;
    }
    const placed = checkEntry(entry);
    if (typeof placed === 'string') {
      problem(name, placed);
      continue;
    }
    const { dtype, shape, begin, end } = placed;
    tensors.set(name, { dtype, shape, bytes: data.subarray(begin, end) });
    ranges.push({ name, begin, end });
  }
  checkCoverage(ranges, data.length, problems.length === 0, problem);
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', value: { tensors, metadata } };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof header === 'object' && header !== null && !Array.isArray(header)
      ? (header as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isTextRecord(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string');
}

/** Byte at which the tensor of a header entry ends; 0 where the entry does not say. */
function endOf(entry: unknown): number {
  const { data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  return Array.isArray(offsets) && isCount(offsets[1]) ? offsets[1] : 0;
}

/** A header entry's type, shape and place, or what is wrong with it. */
function checkEntry(entry: unknown): { dtype: StoredType; shape: number[]; begin: number; end: number } | string {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(elementBytes, dtype))
    return `has type ${JSON.stringify(dtype)}, known are ${Object.keys(elementBytes).join(', ')}`;
  if (!Array.isArray(shape) || !shape.every(isCount)) return `has shape ${JSON.stringify(shape)}, not a list of sizes`;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    return `has data_offsets ${JSON.stringify(offsets)}, not [begin, end]`;
  const [begin, end] = offsets as [number, number];
  if (begin > end) return `begins at byte ${begin} and ends at ${end}, before it begins`;
  const needed = shape.reduce((size, extent) => size * extent, elementBytes[dtype as StoredType]);
  if (end - begin !== needed)
    return `of type ${dtype} and shape [${shape}] needs ${needed} bytes, but has ${end - begin}`;
  return { dtype: dtype as StoredType, shape, begin, end };
}

/** Overlaps always; gaps only where every entry was read, since an entry that was refused leaves one. */
function checkCoverage(
  ranges: { name: string; begin: number; end: number }[],
  dataBytes: number,
  complete: boolean,
  problem: (path: string, found: string) => void,
): void {
  let covered = 0;
  for (const { name, begin, end } of ranges.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) problem(name, `begins at byte ${begin}, inside another tensor that ends at ${covered}`);
    else if (begin > covered && complete)
      problem(name, `begins at byte ${begin}, after ${begin - covered} unused bytes`);
    covered = Math.max(covered, end);
  }
  if (complete && covered < dataBytes) problem('', `has ${dataBytes - covered} bytes after its last tensor`);
}

/**
 * The values of an F32, F16 or BF16 tensor; null for another type. F32 is a view of the file where it lies on a multiple of 4
 * bytes, so do not write into it.
 */
export function float32Values({ dtype, bytes }: StoredTensor): Float32Array | null {
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') return null;
  const width = elementBytes[dtype];
  // Not `slice`: that of a Buffer, which is what a file is read as, does not copy.
  const aligned = bytes.byteOffset % width === 0 ? bytes : Uint8Array.from(bytes);
  const size = bytes.length / width;
  if (dtype === 'F32') return new Float32Array(aligned.buffer, aligned.byteOffset, size);
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, size);
  const bits = new Uint32Array(size);
  if (dtype === 'BF16') for (let i = 0; i < size; i++) bits[i] = halves[i]! << 16;
  else for (let i = 0; i < size; i++) bits[i] = halfToSingle[halves[i]!]!;
  return new Float32Array(bits.buffer);
}

/** Bits of the float32 equal to each of the 65,536 IEEE half-precision numbers: a look-up is 5 times faster than the sum. */
const halfToSingle = Uint32Array.from({ length: 65536 }, (_, half) => {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const leading = Math.clz32(fraction) - 21; // shifts until the fraction's first 1 stands at bit 10
  return sign | ((113 - leading) << 23) | (((fraction << leading) & 0x3ff) << 13);
});

/**
 * A safetensors file of F32 tensors. The same input gives the same bytes: tensors lie in the order of their names, and data
 * begin at a multiple of 8 bytes.
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, { shape: readonly number[]; values: Float32Array }>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  if (endianness() !== 'LE') throw new Error('safetensors are little-endian, and this machine is not');
  const names = Object.keys(tensors).sort((a, b) => (a < b ? -1 : 1));
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let end = 0;
  for (const name of names) {
    const { shape, values } = tensors[name]!;
    const size = shape.reduce((product, extent) => product * extent, 1);
    if (size !== values.length) throw new Error(`tensor "${name}" of shape [${shape}] has ${values.length} values`);
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + values.byteLength] };
    end += values.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes); // JSON may end in spaces
  bytes.set(text, 8);
  let at = 8 + headerBytes;
  for (const name of names) {
    const { values } = tensors[name]!;
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}
