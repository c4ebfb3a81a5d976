import * as fc from 'fast-check';
import {
  float32Values,
  readSafetensors,
  type SafetensorsFile,
  writeSafetensors,
} from '../../../trainer/checkpoint/safetensors';

/** A file with this header and so many bytes of data. */
function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function read(bytes: Uint8Array): SafetensorsFile {
  const result = readSafetensors(bytes, 'model.safetensors');
  if (result.kind === 'invalid') throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return result.value;
}

const messagesOf = (bytes: Uint8Array): string[] => {
  const result = readSafetensors(bytes, 'model.safetensors');
  return result.kind === 'invalid' ? result.problems.map(({ message }) => message) : [];
};

const entry = (dtype: string, shape: number[], begin: number, end: number) => ({
  ...{ dtype, shape },
  data_offsets: [begin, end],
});

const tensorArbitrary = fc.array(fc.nat(4), { maxLength: 3 }).chain((shape) =>
  fc
    .float32Array({
      minLength: shape.reduce((a, b) => a * b, 1),
      maxLength: shape.reduce((a, b) => a * b, 1),
      noNaN: true,
    })
    .map((values) => ({ shape, values })),
);

describe('safetensors', () => {
  it('reads back what was written, whatever the names, shapes and metadata', () => {
    const name = fc.string().filter((text) => text !== '__metadata__' && text !== '__proto__');
    fc.assert(
      fc.property(fc.dictionary(name, tensorArbitrary), fc.dictionary(name, fc.string()), (tensors, metadata) => {
        const { tensors: found, metadata: foundMetadata } = read(writeSafetensors(tensors, metadata));
        expect([...found.keys()].sort()).toEqual(Object.keys(tensors).sort());
        for (const [key, { shape, values }] of Object.entries(tensors)) {
          expect(found.get(key)!.shape).toEqual(shape);
          expect(float32Values(found.get(key)!)).toEqual(values);
        }
        expect({ ...foundMetadata }).toEqual({ ...metadata });
      }),
      { numRuns: 200 },
    );
  });

  it('writes the same bytes whatever the order of the tensors, with data at a multiple of 8', () => {
    const a = { shape: [2], values: Float32Array.of(1, 2) };
    const b = { shape: [], values: Float32Array.of(3) };
    const bytes = writeSafetensors({ a, b });
    expect(writeSafetensors({ b, a })).toEqual(bytes);
    expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
  });

  it('reads a file byte by byte as the format describes it', () => {
    const bytes = fileOf({ x: entry('F32', [2], 0, 8), __metadata__: { format: 'pt' } }, 8);
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, -1.5, true);
    const { tensors, metadata } = read(bytes);
    expect(Array.from(float32Values(tensors.get('x')!)!)).toEqual([0, -1.5]);
    expect(metadata).toEqual({ format: 'pt' });
  });

  it('reads tensors at odd bytes of a file, whose header need not fill up words', () => {
    const header = JSON.stringify({ x: entry('F32', [1], 0, 4), y: entry('BF16', [1], 4, 6) });
    for (let spaces = 0; spaces < 4; spaces++) {
      const bytes = fileOf(header + ' '.repeat(spaces), 6);
      new DataView(bytes.buffer).setFloat32(bytes.length - 6, 0.75, true);
      bytes.set([0x80, 0x3f], bytes.length - 2); // 1 as bfloat16
      // As a file is read: the `slice` of a Buffer does not copy.
      const { tensors } = read(Buffer.from(bytes.buffer));
      expect(Array.from(float32Values(tensors.get('x')!)!)).toEqual([0.75]);
      expect(Array.from(float32Values(tensors.get('y')!)!)).toEqual([1]);
    }
  });

  it('converts half precision and bfloat16: 1, -2, 65504, 2^-24, 2^-14, infinity, 1/3', () => {
    const stored = (dtype: 'F16' | 'BF16', bits: number[]) => ({
      dtype,
      shape: [bits.length],
      bytes: new Uint8Array(Uint16Array.from(bits).buffer),
    });
    const halves = stored('F16', [0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0x3555, 0x8000, 0x03ff]);
    const expected = [1, -2, 65504, 2 ** -24, 2 ** -14, Infinity, 0.333251953125, -0, 1023 * 2 ** -24];
    expect(Array.from(float32Values(halves)!)).toEqual(expected);
    expect(float32Values(stored('F16', [0x7e00]))![0]).toBeNaN();
    expect(Array.from(float32Values(stored('BF16', [0x3f80, 0xc000, 0x7f80]))!)).toEqual([1, -2, Infinity]);
  });

  it('gives no float32 for integers', () => {
    const { tensors } = read(fileOf({ position_ids: entry('I64', [1], 0, 8) }, 8));
    expect(float32Values(tensors.get('position_ids')!)).toBeNull();
  });

  it('reads float32 that lie off a multiple of 4 bytes', () => {
    const bytes = fileOf('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   ', 4);
    expect((bytes.length - 4) % 4).not.toBe(0);
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, 0.75, true);
    expect(Array.from(float32Values(read(bytes).tensors.get('x')!)!)).toEqual([0.75]);
  });

  it.each([
    ['an empty file', new Uint8Array(0), 'holds 0 bytes, too few'],
    ['a page of HTML', new TextEncoder().encode('<!doctype html><html>'), 'is no safetensors file'],
    ['a header cut short', fileOf({ x: entry('F32', [1], 0, 4) }, 4).subarray(0, 20), 'is cut short'],
    ['a header that is no JSON', fileOf('{"x":', 0), 'header is not a JSON object'],
    ['a header that is a list', fileOf([], 0), 'header is not a JSON object'],
    ['data cut short', fileOf({ x: entry('F32', [2], 0, 8) }, 6), 'its tensors take 8 bytes, but 6 are there'],
    ['data left over', fileOf({ x: entry('F32', [1], 0, 4) }, 6), 'has 2 bytes after its last tensor'],
    ['overlapping tensors', fileOf({ a: entry('F32', [2], 0, 8), b: entry('F32', [1], 4, 8) }, 8), 'inside another'],
    ['a gap', fileOf({ a: entry('F32', [1], 0, 4), b: entry('F32', [1], 8, 12) }, 12), 'after 4 unused bytes'],
    ['a range of another size', fileOf({ a: entry('F16', [3], 0, 8) }, 8), 'needs 6 bytes, but has 8'],
    ['an unknown type', fileOf({ a: entry('F8_E4M3', [1], 0, 1) }, 1), 'has type "F8_E4M3", known are'],
    ['a negative size', fileOf({ a: entry('F32', [-1], 0, 4) }, 4), 'has shape [-1]'],
    ['an entry that is null', fileOf({ a: null }, 0), 'has type undefined'],
    ['offsets the wrong way', fileOf({ a: entry('F32', [0], 4, 0) }, 4), 'begins at byte 4 and ends at 0'],
  ])('refuses %s, naming the file and what to do', (_, bytes, found) => {
    const messages = messagesOf(bytes);
    expect(messages.join()).toContain(found);
    for (const message of messages) expect(message).toMatch(/^model\.safetensors: .*copy or download the file again/);
  });

  it('reports every tensor that is wrong', () => {
    const bytes = fileOf({ a: entry('F32', [9], 0, 4), b: entry('F9', [1], 4, 8), c: entry('F32', [1], 0, 4) }, 8);
    expect(messagesOf(bytes)).toEqual([
      expect.stringContaining('tensor "a" of type F32 and shape [9] needs 36 bytes, but has 4'),
      expect.stringContaining('tensor "b" has type "F9"'),
    ]);
  });

  it('never throws, whatever the bytes', () => {
    const header = fc.oneof(
      fc.json(),
      fc.dictionary(fc.string(), fc.anything()).map((value) => JSON.stringify(value) ?? ''),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.tuple(header, fc.nat(40)).map(([h, n]) => fileOf(h, n)),
        ),
        (bytes) => {
          expect(['valid', 'invalid']).toContain(readSafetensors(bytes, 'x').kind);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('refuses any file that was cut short', () => {
    const whole = writeSafetensors({
      a: { shape: [3], values: Float32Array.of(1, 2, 3) },
      b: { shape: [1], values: Float32Array.of(4) },
    });
    for (let length = 0; length < whole.length; length++)
      expect(readSafetensors(whole.subarray(0, length), 'x').kind).toBe('invalid');
  });
});
