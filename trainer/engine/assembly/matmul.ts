/**
 * Rows and columns of C held in registers. Measured at [512, 384] x [384, 1536]: 4 x 8 45 GFLOPS, 5 x 8 23, 6 x 8 25
 * (V8 spills them), 4 x 8 with the depth unrolled by two 28; relaxed SIMD's fused multiply-add gains nothing.
 */
const tileRows: i32 = 4;
const tileColumns: i32 = 8;
/** Depth of a block: a packed panel of B ([512, 8], 16 KB) then stays in the first-level cache. */
const blockDepth: i32 = 512;

function roundUp(value: i32, multiple: i32): i32 {
  return ((value + multiple - 1) / multiple) * multiple;
}

/** Bytes of scratch that `matMul` needs: one block of op(B) and one of op(A), packed. */
export function matMulScratchBytes(m: i32, n: i32, k: i32): i32 {
  return (roundUp(n, tileColumns) + roundUp(m, tileRows)) * min(k, blockDepth) * 4;
}

/**
 * c[i] = op(a[i]) op(b[i]) for i < batch, or added to what c[i] holds. op(a) is [m, k], op(b) is [k, n], transposed in
 * memory where said. Strides are in floats from one matrix of the batch to the next; 0 repeats the first.
 */
export function matMul(
  a: usize,
  b: usize,
  c: usize,
  scratch: usize,
  batch: i32,
  aStride: i32,
  bStride: i32,
  m: i32,
  n: i32,
  k: i32,
  transposeA: bool,
  transposeB: bool,
  accumulate: bool,
): void {
  if (k === 0 && !accumulate) memory.fill(c, 0, (<usize>(batch * m * n)) << 2);
  for (let index = 0; index < batch; index++) {
    const bIsPacked = index > 0 && bStride === 0 && k <= blockDepth;
    matMulRows(a, b, c, scratch, m, m, n, k, transposeA, transposeB, accumulate, bIsPacked);
    a += (<usize>aStride) << 2;
    b += (<usize>bStride) << 2;
    c += (<usize>(m * n)) << 2;
  }
}

/**
 * The first `rows` of the m rows of c = op(a) op(b); a later part where `a` and `c` point at its first row. A sum has the
 * same order in any part. @param bIsPacked by the call before, with all of its depth in one block
 */
export function matMulRows(
  a: usize,
  b: usize,
  c: usize,
  scratch: usize,
  rows: i32,
  m: i32,
  n: i32,
  k: i32,
  transposeA: bool,
  transposeB: bool,
  accumulate: bool,
  bIsPacked: bool,
): void {
  const packedB = scratch;
  const packedA = scratch + ((<usize>(roundUp(n, tileColumns) * min(k, blockDepth))) << 2);
  for (let start = 0; start < k; start += blockDepth) {
    const depth = min(blockDepth, k - start);
    if (!bIsPacked) {
      if (transposeB) packAlong(b, packedB, n, k, start, depth, tileColumns);
      else packAcross(b, packedB, n, n, start, depth, tileColumns);
    }
    if (transposeA) packAcross(a, packedA, rows, m, start, depth, tileRows);
    else packAlong(a, packedA, rows, k, start, depth, tileRows);
    multiplyPanels(packedA, packedB, c, rows, n, depth, accumulate || start > 0);
  }
}

/** Rows start .. start + depth of `size` columns of a matrix [k, columns] into panels [depth, width], zero beyond. */
function packAcross(source: usize, packed: usize, size: i32, columns: i32, start: i32, depth: i32, width: i32): void {
  const stride = (<usize>columns) << 2;
  const panelRow = (<usize>width) << 2;
  for (let first = 0; first < size; first += width) {
    let from = source + ((<usize>(start * columns + first)) << 2);
    const there = min(width, size - first);
    for (let p = 0; p < depth; p++) {
      if (there === width) {
        v128.store(packed, v128.load(from));
        if (width === 8) v128.store(packed, v128.load(from, 16), 16);
      } else {
        for (let j = 0; j < width; j++) {
          store<f32>(packed + ((<usize>j) << 2), j < there ? load<f32>(from + ((<usize>j) << 2)) : 0);
        }
      }
      from += stride;
      packed += panelRow;
    }
  }
}

/** Columns start .. start + depth of a matrix [size, k], transposed, into panels of [depth, width], zero beyond `size`. */
function packAlong(source: usize, packed: usize, size: i32, k: i32, start: i32, depth: i32, width: i32): void {
  const panelRow = (<usize>width) << 2;
  for (let first = 0; first < size; first += 4) {
    const panel = packed + ((<usize>((first / width) * width * depth + (first % width))) << 2);
    packFour(source + ((<usize>(first * k + start)) << 2), panel, min(4, size - first), k, depth, panelRow);
  }
  // A panel of eight whose second half lies beyond the matrix altogether.
  const used = roundUp(size, 4);
  if (used < roundUp(size, width)) {
    let panel = packed + ((<usize>((used / width) * width * depth + (used % width))) << 2);
    for (let p = 0; p < depth; p++) {
      v128.store(panel, f32x4.splat(0));
      panel += panelRow;
    }
  }
}

/** Four rows of a matrix, `there` of them real, as four columns of a panel. */
function packFour(from: usize, panel: usize, there: i32, k: i32, depth: i32, panelRow: usize): void {
  const stride = (<usize>k) << 2;
  let p = 0;
  if (there === 4) {
    for (; p + 4 <= depth; p += 4) {
      const row0 = v128.load(from);
      const row1 = v128.load(from + stride);
      const row2 = v128.load(from + 2 * stride);
      const row3 = v128.load(from + 3 * stride);
      const low01 = v128.shuffle<f32>(row0, row1, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(row0, row1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(row2, row3, 0, 4, 1, 5);
      const high23 = v128.shuffle<f32>(row2, row3, 2, 6, 3, 7);
      v128.store(panel, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      v128.store(panel + panelRow, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
      v128.store(panel + 2 * panelRow, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
      v128.store(panel + 3 * panelRow, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
      from += 16;
      panel += 4 * panelRow;
    }
  }
  for (; p < depth; p++) {
    for (let j = 0; j < 4; j++) {
      store<f32>(panel + ((<usize>j) << 2), j < there ? load<f32>(from + <usize>j * stride) : 0);
    }
    from += 4;
    panel += panelRow;
  }
}

function multiplyPanels(a: usize, b: usize, c: usize, m: i32, n: i32, depth: i32, add: bool): void {
  for (let column = 0; column < n; column += tileColumns) {
    const panelB = b + ((<usize>(column * depth)) << 2);
    const width = min(tileColumns, n - column);
    for (let row = 0; row < m; row += tileRows) {
      const panelA = a + ((<usize>(row * depth)) << 2);
      multiplyTile(
        panelA,
        panelB,
        c + ((<usize>(row * n + column)) << 2),
        n,
        depth,
        min(tileRows, m - row),
        width,
        add,
      );
    }
  }
}

function multiplyAdd(sum: v128, x: v128, y: v128): v128 {
  return f32x4.add(sum, f32x4.mul(x, y));
}

function multiplyTile(a: usize, b: usize, c: usize, n: i32, depth: i32, height: i32, width: i32, add: bool): void {
  let low0 = f32x4.splat(0);
  let high0 = f32x4.splat(0);
  let low1 = f32x4.splat(0);
  let high1 = f32x4.splat(0);
  let low2 = f32x4.splat(0);
  let high2 = f32x4.splat(0);
  let low3 = f32x4.splat(0);
  let high3 = f32x4.splat(0);
  const end = b + ((<usize>depth) << 5);
  while (b < end) {
    const low = v128.load(b);
    const high = v128.load(b, 16);
    const a0 = v128.load_splat<f32>(a);
    low0 = multiplyAdd(low0, a0, low);
    high0 = multiplyAdd(high0, a0, high);
    const a1 = v128.load_splat<f32>(a, 4);
    low1 = multiplyAdd(low1, a1, low);
    high1 = multiplyAdd(high1, a1, high);
    const a2 = v128.load_splat<f32>(a, 8);
    low2 = multiplyAdd(low2, a2, low);
    high2 = multiplyAdd(high2, a2, high);
    const a3 = v128.load_splat<f32>(a, 12);
    low3 = multiplyAdd(low3, a3, low);
    high3 = multiplyAdd(high3, a3, high);
    a += 16;
    b += 32;
  }
  const row = (<usize>n) << 2;
  storeRow(c, low0, high0, width, add);
  if (height > 1) storeRow(c + row, low1, high1, width, add);
  if (height > 2) storeRow(c + 2 * row, low2, high2, width, add);
  if (height > 3) storeRow(c + 3 * row, low3, high3, width, add);
}

function storeRow(c: usize, low: v128, high: v128, width: i32, add: bool): void {
  if (width === tileColumns) {
    v128.store(c, add ? f32x4.add(v128.load(c), low) : low);
    v128.store(c, add ? f32x4.add(v128.load(c, 16), high) : high, 16);
    return;
  }
  let part = low;
  for (let j = 0; j < width; j++) {
    if (j === 4) part = high;
    const value = f32x4.extract_lane(part, 0);
    store<f32>(c, add ? load<f32>(c) + value : value);
    part = v128.shuffle<f32>(part, part, 1, 2, 3, 0);
    c += 4;
  }
}
