/** e^x within 2 units in the last place (Cephes expf): 0 below -87.33, infinity above 88.72, NaN stays NaN. */
export function exp4(x: v128): v128 {
  const clamped = f32x4.min(f32x4.max(x, f32x4.splat(-87.33)), f32x4.splat(88.72));
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(Mathf.LOG2E)));
  // ln 2 in two parts, so that n ln 2 loses nothing.
  let r = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.1219444e-4)));
  let p = f32x4.splat(1.98756915e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), f32x4.splat(1));
  // 2^n by halves: n reaches 128, one more than an exponent holds.
  const whole = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(whole, 1);
  const bias = i32x4.splat(127);
  p = f32x4.mul(p, i32x4.shl(i32x4.add(half, bias), 23));
  p = f32x4.mul(p, i32x4.shl(i32x4.add(i32x4.sub(whole, half), bias), 23));
  p = v128.bitselect(f32x4.splat(0), p, f32x4.lt(x, f32x4.splat(-87.33)));
  return v128.bitselect(f32x4.splat(Infinity), p, f32x4.gt(x, f32x4.splat(88.72)));
}

export function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/** tanh x (Cephes tanhf): a polynomial near 0, where 1 - 2 / (e^2x + 1) would cancel. */
export function tanh4(x: v128): v128 {
  const one = f32x4.splat(1);
  const far = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(exp4(f32x4.add(x, x)), one)));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.33332819422e-1));
  const near = f32x4.add(f32x4.mul(f32x4.mul(p, z), x), x);
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), f32x4.splat(0.625)));
}

/** erf x as a quotient of polynomials on [-4, 4], beyond which it is 1 in float32 (Eigen, as in TensorFlow). */
export function erf4(x: v128): v128 {
  const clamped = f32x4.min(f32x4.max(x, f32x4.splat(-4)), f32x4.splat(4));
  const z = f32x4.mul(clamped, clamped);
  let p = f32x4.splat(-2.72614225801306e-10);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.77068142495902e-8));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-2.10102402082508e-6));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.69250639462346e-5));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-7.3499063032685e-4));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-2.95459980854025e-3));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-1.60960333262415e-2));
  let q = f32x4.splat(-1.45660718464996e-5);
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-2.13374055278905e-4));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-1.68282697438203e-3));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-7.37332916720468e-3));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-1.42647390514189e-2));
  return f32x4.div(f32x4.mul(clamped, p), q);
}

export function sumOfLanes(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

export function exp(x: usize, out: usize, size: i32): void {
  let i = 0;
  for (; i + 4 <= size; i += 4) {
    v128.store(out, exp4(v128.load(x)));
    x += 16;
    out += 16;
  }
  for (; i < size; i++) {
    store<f32>(out, f32x4.extract_lane(exp4(v128.load_splat<f32>(x)), 0));
    x += 4;
    out += 4;
  }
}

export function tanh(x: usize, out: usize, size: i32): void {
  let i = 0;
  for (; i + 4 <= size; i += 4) {
    v128.store(out, tanh4(v128.load(x)));
    x += 16;
    out += 16;
  }
  for (; i < size; i++) {
    store<f32>(out, f32x4.extract_lane(tanh4(v128.load_splat<f32>(x)), 0));
    x += 4;
    out += 4;
  }
}

export function erf(x: usize, out: usize, size: i32): void {
  let i = 0;
  for (; i + 4 <= size; i += 4) {
    v128.store(out, erf4(v128.load(x)));
    x += 16;
    out += 16;
  }
  for (; i < size; i++) {
    store<f32>(out, f32x4.extract_lane(erf4(v128.load_splat<f32>(x)), 0));
    x += 4;
    out += 4;
  }
}
