import { erf4, exp4 } from './elementwise';

/** out = x Phi(x), Phi the normal distribution function. */
export function gelu(x: usize, out: usize, size: i32): void {
  const end = (<usize>size) << 2;
  const whole = (<usize>(size & ~3)) << 2;
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(out + at, gelu4(v128.load(x + at)));
  for (; at < end; at += 4) store<f32>(out + at, f32x4.extract_lane(gelu4(v128.load_splat<f32>(x + at)), 0));
}

/** out = dy (Phi(x) + x phi(x)) */
export function geluGradient(x: usize, dy: usize, out: usize, size: i32): void {
  const end = (<usize>size) << 2;
  const whole = (<usize>(size & ~3)) << 2;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    v128.store(out + at, f32x4.mul(v128.load(dy + at), slope4(v128.load(x + at))));
  }
  for (; at < end; at += 4) {
    store<f32>(out + at, load<f32>(dy + at) * f32x4.extract_lane(slope4(v128.load_splat<f32>(x + at)), 0));
  }
}

function gelu4(x: v128): v128 {
  return f32x4.mul(x, normalDistribution4(x));
}

function slope4(x: v128): v128 {
  const density = f32x4.mul(exp4(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5))), f32x4.splat(0.39894228));
  return f32x4.add(normalDistribution4(x), f32x4.mul(x, density));
}

function normalDistribution4(x: v128): v128 {
  const half = f32x4.splat(0.5);
  return f32x4.add(f32x4.mul(erf4(f32x4.mul(x, f32x4.splat(Mathf.SQRT1_2))), half), half);
}
