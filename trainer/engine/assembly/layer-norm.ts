import { sumOfLanes } from './elementwise';

/**
 * Rows of s = x + residual (offset 0: none), [rows, width], each brought to mean 0 and variance 1:
 * normal = (s - mean) r with r = 1 / sqrt(variance + epsilon) [rows], out = gamma normal + beta.
 */
export function layerNorm(
  x: usize,
  residual: usize,
  gamma: usize,
  beta: usize,
  out: usize,
  normal: usize,
  inverse: usize,
  rows: i32,
  width: i32,
  epsilon: f32,
): void {
  const end = (<usize>width) << 2;
  const whole = (<usize>(width & ~3)) << 2;
  for (let row = 0; row < rows; row++) {
    // `normal` holds s first.
    let sums = f32x4.splat(0);
    let sum: f32 = 0;
    let at: usize = 0;
    for (; at < whole; at += 16) {
      let s = v128.load(x + at);
      if (residual) s = f32x4.add(s, v128.load(residual + at));
      v128.store(normal + at, s);
      sums = f32x4.add(sums, s);
    }
    for (; at < end; at += 4) {
      const s: f32 = load<f32>(x + at) + (residual ? load<f32>(residual + at) : 0);
      store<f32>(normal + at, s);
      sum += s;
    }
    const mean: f32 = (sumOfLanes(sums) + sum) / <f32>width;
    const mean4 = f32x4.splat(mean);
    let squares = f32x4.splat(0);
    let square: f32 = 0;
    for (at = 0; at < whole; at += 16) {
      const centred = f32x4.sub(v128.load(normal + at), mean4);
      squares = f32x4.add(squares, f32x4.mul(centred, centred));
    }
    for (; at < end; at += 4) {
      const centred: f32 = load<f32>(normal + at) - mean;
      square += centred * centred;
    }
    const r: f32 = 1 / Mathf.sqrt((sumOfLanes(squares) + square) / <f32>width + epsilon);
    const r4 = f32x4.splat(r);
    for (at = 0; at < whole; at += 16) {
      const n = f32x4.mul(f32x4.sub(v128.load(normal + at), mean4), r4);
      v128.store(normal + at, n);
      v128.store(out + at, f32x4.add(f32x4.mul(n, v128.load(gamma + at)), v128.load(beta + at)));
    }
    for (; at < end; at += 4) {
      const n: f32 = (load<f32>(normal + at) - mean) * r;
      store<f32>(normal + at, n);
      store<f32>(out + at, n * load<f32>(gamma + at) + load<f32>(beta + at));
    }
    store<f32>(inverse, r);
    inverse += 4;
    x += end;
    out += end;
    normal += end;
    if (residual) residual += end;
  }
}

/** ds = r (g - mean(g) - normal mean(g normal)) with g = gamma dy, row by row. */
export function layerNormGradient(
  dy: usize,
  normal: usize,
  inverse: usize,
  gamma: usize,
  out: usize,
  rows: i32,
  width: i32,
): void {
  const end = (<usize>width) << 2;
  const whole = (<usize>(width & ~3)) << 2;
  for (let row = 0; row < rows; row++) {
    let sums = f32x4.splat(0);
    let alongs = f32x4.splat(0);
    let sum: f32 = 0;
    let along: f32 = 0;
    let at: usize = 0;
    for (; at < whole; at += 16) {
      const g = f32x4.mul(v128.load(dy + at), v128.load(gamma + at));
      sums = f32x4.add(sums, g);
      alongs = f32x4.add(alongs, f32x4.mul(g, v128.load(normal + at)));
    }
    for (; at < end; at += 4) {
      const g: f32 = load<f32>(dy + at) * load<f32>(gamma + at);
      sum += g;
      along += g * load<f32>(normal + at);
    }
    const mean: f32 = (sumOfLanes(sums) + sum) / <f32>width;
    const slope: f32 = (sumOfLanes(alongs) + along) / <f32>width;
    const r = load<f32>(inverse);
    const mean4 = f32x4.splat(mean);
    const slope4 = f32x4.splat(slope);
    const r4 = f32x4.splat(r);
    for (at = 0; at < whole; at += 16) {
      const g = f32x4.mul(v128.load(dy + at), v128.load(gamma + at));
      const across = f32x4.sub(f32x4.sub(g, mean4), f32x4.mul(v128.load(normal + at), slope4));
      v128.store(out + at, f32x4.mul(across, r4));
    }
    for (; at < end; at += 4) {
      const g: f32 = load<f32>(dy + at) * load<f32>(gamma + at);
      store<f32>(out + at, (g - mean - load<f32>(normal + at) * slope) * r);
    }
    inverse += 4;
    dy += end;
    normal += end;
    out += end;
  }
}
