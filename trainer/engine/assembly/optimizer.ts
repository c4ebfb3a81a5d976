/**
 * One update of Adam or AdamW in one pass over n numbers: with g <- g + decay theta first (Adam's decay; 0: none),
 *
 *     m' = m + (g - m) (1 - b1);  s' = s + (g g - s) (1 - b2);  theta' = keep theta - rate m' / (sqrt(s') + epsilon)
 *
 * `rate` and `epsilon` come with the bias corrections in them; `keep` is 1 - lr * decay of AdamW.
 */
export function adam(
  weight: usize,
  gradient: usize,
  mean: usize,
  square: usize,
  outWeight: usize,
  outMean: usize,
  outSquare: usize,
  n: i32,
  newMean: f32,
  newSquare: f32,
  rate: f32,
  epsilon: f32,
  decay: f32,
  keep: f32,
): void {
  const newMean4 = f32x4.splat(newMean);
  const newSquare4 = f32x4.splat(newSquare);
  const rate4 = f32x4.splat(rate);
  const epsilon4 = f32x4.splat(epsilon);
  const decay4 = f32x4.splat(decay);
  const keep4 = f32x4.splat(keep);
  const whole = (<usize>(n & ~3)) << 2;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const theta = v128.load(weight + at);
    const g = f32x4.add(v128.load(gradient + at), f32x4.mul(theta, decay4));
    const oldM = v128.load(mean + at);
    const oldS = v128.load(square + at);
    const m = f32x4.add(oldM, f32x4.mul(f32x4.sub(g, oldM), newMean4));
    const s = f32x4.add(oldS, f32x4.mul(f32x4.sub(f32x4.mul(g, g), oldS), newSquare4));
    const direction = f32x4.div(m, f32x4.add(f32x4.sqrt(s), epsilon4));
    v128.store(outMean + at, m);
    v128.store(outSquare + at, s);
    v128.store(outWeight + at, f32x4.sub(f32x4.mul(theta, keep4), f32x4.mul(direction, rate4)));
  }
  const end = (<usize>n) << 2;
  for (; at < end; at += 4) {
    const theta = load<f32>(weight + at);
    const g: f32 = load<f32>(gradient + at) + theta * decay;
    const oldM = load<f32>(mean + at);
    const oldS = load<f32>(square + at);
    const m: f32 = oldM + (g - oldM) * newMean;
    const s: f32 = oldS + (g * g - oldS) * newSquare;
    store<f32>(outMean + at, m);
    store<f32>(outSquare + at, s);
    store<f32>(outWeight + at, theta * keep - (m / (Mathf.sqrt(s) + epsilon)) * rate);
  }
}
