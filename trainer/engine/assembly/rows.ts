/** out[i] = x[ids[i]]; x is [rows, width], out [count, width]. Returns the first i whose id is out of range, or -1. */
export function gatherRows(x: usize, ids: usize, out: usize, rows: i32, width: i32, count: i32): i32 {
  const bytes = (<usize>width) << 2;
  for (let i = 0; i < count; i++) {
    const id = load<i32>(ids + ((<usize>i) << 2));
    if (id < 0 || id >= rows) return i;
    memory.copy(out + <usize>i * bytes, x + <usize>id * bytes, bytes);
  }
  return -1;
}

/** out[ids[i]] += x[i], in the order of i; ids out of range are dropped, as TensorFlow does. out is [rows, width]. */
export function segmentSum(x: usize, ids: usize, out: usize, rows: i32, width: i32, count: i32): void {
  const bytes = (<usize>width) << 2;
  memory.fill(out, 0, <usize>rows * bytes);
  for (let i = 0; i < count; i++) {
    const id = load<i32>(ids + ((<usize>i) << 2));
    if (id >= 0 && id < rows) addRow(out + <usize>id * bytes, x + <usize>i * bytes, width);
  }
}

/** out[j] = sum over i of x[i, j]; x is [rows, width]. */
export function sumRows(x: usize, out: usize, rows: i32, width: i32): void {
  const bytes = (<usize>width) << 2;
  memory.fill(out, 0, bytes);
  for (let i = 0; i < rows; i++) addRow(out, x + <usize>i * bytes, width);
}

export function addRow(sum: usize, row: usize, width: i32): void {
  let j = 0;
  for (; j + 4 <= width; j += 4) {
    v128.store(sum, f32x4.add(v128.load(sum), v128.load(row)));
    sum += 16;
    row += 16;
  }
  for (; j < width; j++) {
    store<f32>(sum, load<f32>(sum) + load<f32>(row));
    sum += 4;
    row += 4;
  }
}

/** Adds y [width] to every row of x [rows, width]. */
export function addRows(x: usize, y: usize, rows: i32, width: i32): void {
  for (let row = 0; row < rows; row++) addRow(x + ((<usize>(row * width)) << 2), y, width);
}
