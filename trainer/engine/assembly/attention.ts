import { exp, sumOfLanes } from './elementwise';
import { matMul, matMulScratchBytes } from './matmul';

/**
 * Multi-head attention over sequences that stand one behind the other, each at its own length; the formulas are in
 * `../install/addon/attention.cc`, whose operations these are. `places` [sequences, 4]: first query, queries, first key and keys
 * of each. `prefixKey` and `prefixValue` [prefix, heads width] stand before the keys of every sequence. Dropout, offset 0: none, are
 * factors [sequences, heads, dropoutQueries, dropoutKeys]. `out` [queryRows, heads width] is 0 in rows of no sequence.
 */
export function attention(
  query: usize,
  key: usize,
  value: usize,
  prefixKey: usize,
  prefixValue: usize,
  places: usize,
  dropout: usize,
  out: usize,
  probabilities: usize,
  scratch: usize,
  sequences: i32,
  heads: i32,
  width: i32,
  prefix: i32,
  dropoutQueries: i32,
  dropoutKeys: i32,
  queryRows: i32,
): void {
  const scale: f32 = 1 / Mathf.sqrt(<f32>width);
  const mostQueries = most(places, sequences, 1);
  const mostKeys = most(places, sequences, 3) + prefix;
  const q = scratch;
  const k = q + bytes(mostQueries * width);
  const v = k + bytes(mostKeys * width);
  const weights = v + bytes(mostKeys * width);
  const context = weights + bytes(mostQueries * mostKeys);
  const products = context + bytes(mostQueries * width);
  memory.fill(out, 0, bytes(queryRows * heads * width));
  for (let s = 0; s < sequences; s++) {
    const queries = place(places, s, 1);
    const keys = place(places, s, 3) + prefix;
    for (let head = 0; head < heads; head++) {
      const asked = bytes((place(places, s, 0) * heads + head) * width);
      pack(query + asked, queries, heads, width, scale, q);
      packKeys(prefixKey, key, place(places, s, 2), prefix, keys, heads, head, width, k);
      packKeys(prefixValue, value, place(places, s, 2), prefix, keys, heads, head, width, v);
      matMul(q, k, probabilities, products, 1, 0, 0, queries, keys, width, false, true, false);
      softmax(probabilities, queries, keys);
      const factors = dropout ? dropout + bytes((s * heads + head) * dropoutQueries * dropoutKeys) : 0;
      const kept = dropped(probabilities, factors, dropoutKeys, queries, keys, weights);
      matMul(kept, v, context, products, 1, 0, 0, queries, width, keys, false, false, false);
      unpack(context, queries, heads, width, 1, out + asked, false);
      probabilities += bytes(queries * keys);
    }
  }
}

/** Gradients of all that was given; 0 in rows of no sequence. */
export function attentionGradient(
  dContext: usize,
  query: usize,
  key: usize,
  value: usize,
  prefixKey: usize,
  prefixValue: usize,
  places: usize,
  dropout: usize,
  probabilities: usize,
  dQuery: usize,
  dKey: usize,
  dValue: usize,
  dPrefixKey: usize,
  dPrefixValue: usize,
  scratch: usize,
  sequences: i32,
  heads: i32,
  width: i32,
  prefix: i32,
  dropoutQueries: i32,
  dropoutKeys: i32,
  queryRows: i32,
  keyRows: i32,
): void {
  const scale: f32 = 1 / Mathf.sqrt(<f32>width);
  const mostQueries = most(places, sequences, 1);
  const mostKeys = most(places, sequences, 3) + prefix;
  const q = scratch;
  const dc = q + bytes(mostQueries * width);
  const k = dc + bytes(mostQueries * width);
  const v = k + bytes(mostKeys * width);
  const weights = v + bytes(mostKeys * width);
  const dScores = weights + bytes(mostQueries * mostKeys);
  const gradient = dScores + bytes(mostQueries * mostKeys);
  const products = gradient + bytes(max(mostQueries, mostKeys) * width);
  memory.fill(dQuery, 0, bytes(queryRows * heads * width));
  memory.fill(dKey, 0, bytes(keyRows * heads * width));
  memory.fill(dValue, 0, bytes(keyRows * heads * width));
  memory.fill(dPrefixKey, 0, bytes(prefix * heads * width));
  memory.fill(dPrefixValue, 0, bytes(prefix * heads * width));
  for (let s = 0; s < sequences; s++) {
    const queries = place(places, s, 1);
    const keys = place(places, s, 3) + prefix;
    for (let head = 0; head < heads; head++) {
      const asked = bytes((place(places, s, 0) * heads + head) * width);
      const own = bytes((place(places, s, 2) * heads + head) * width);
      const before = bytes(head * width);
      pack(query + asked, queries, heads, width, scale, q);
      pack(dContext + asked, queries, heads, width, 1, dc);
      packKeys(prefixKey, key, place(places, s, 2), prefix, keys, heads, head, width, k);
      packKeys(prefixValue, value, place(places, s, 2), prefix, keys, heads, head, width, v);
      const factors = dropout ? dropout + bytes((s * heads + head) * dropoutQueries * dropoutKeys) : 0;
      const kept = dropped(probabilities, factors, dropoutKeys, queries, keys, weights);
      matMul(kept, dc, gradient, products, 1, 0, 0, keys, width, queries, true, false, false);
      unpack(gradient, prefix, heads, width, 1, dPrefixValue + before, true);
      unpack(gradient + bytes(prefix * width), keys - prefix, heads, width, 1, dValue + own, false);
      matMul(dc, v, dScores, products, 1, 0, 0, queries, keys, width, false, true, false);
      softmaxGradient(probabilities, kept, dScores, queries, keys);
      matMul(dScores, k, gradient, products, 1, 0, 0, queries, width, keys, false, false, false);
      unpack(gradient, queries, heads, width, scale, dQuery + asked, false);
      matMul(dScores, q, gradient, products, 1, 0, 0, keys, width, queries, true, false, false);
      unpack(gradient, prefix, heads, width, 1, dPrefixKey + before, true);
      unpack(gradient + bytes(prefix * width), keys - prefix, heads, width, 1, dKey + own, false);
      probabilities += bytes(queries * keys);
    }
  }
}

/** Numbers that `attention` writes as probabilities. */
export function attentionProbabilities(places: usize, sequences: i32, heads: i32, prefix: i32): i32 {
  let count = 0;
  for (let s = 0; s < sequences; s++) count += heads * place(places, s, 1) * (place(places, s, 3) + prefix);
  return count;
}

/** Bytes of scratch for `attention` and its gradient. */
export function attentionScratchBytes(places: usize, sequences: i32, width: i32, prefix: i32): i32 {
  const queries = most(places, sequences, 1);
  const keys = most(places, sequences, 3) + prefix;
  const rows = 2 * queries + 2 * keys + max(queries, keys);
  const largest = max(max(queries, keys), width);
  return ((rows * width + 2 * queries * keys) << 2) + matMulScratchBytes(largest, largest, largest);
}

function bytes(numbers: i32): usize {
  return (<usize>numbers) << 2;
}

function place(places: usize, sequence: i32, column: i32): i32 {
  return load<i32>(places + bytes(4 * sequence + column));
}

function most(places: usize, sequences: i32, column: i32): i32 {
  let largest = 0;
  for (let s = 0; s < sequences; s++) largest = max(largest, place(places, s, column));
  return largest;
}

/** One head's part of rows [., heads width], times a factor, to [rows, width]. */
function pack(from: usize, rows: i32, heads: i32, width: i32, factor: f32, to: usize): void {
  const stride = bytes(heads * width);
  const whole = bytes(width & ~3);
  const end = bytes(width);
  const factors = f32x4.splat(factor);
  for (let row = 0; row < rows; row++) {
    let at: usize = 0;
    for (; at < whole; at += 16) v128.store(to + at, f32x4.mul(v128.load(from + at), factors));
    for (; at < end; at += 4) store<f32>(to + at, load<f32>(from + at) * factor);
    from += stride;
    to += end;
  }
}

/** Keys or values of one head of one sequence, the prefix before them. */
function packKeys(
  before: usize,
  rows: usize,
  first: i32,
  prefix: i32,
  keys: i32,
  heads: i32,
  head: i32,
  width: i32,
  to: usize,
): void {
  pack(before + bytes(head * width), prefix, heads, width, 1, to);
  pack(rows + bytes((first * heads + head) * width), keys - prefix, heads, width, 1, to + bytes(prefix * width));
}

/** The way back of `pack`. */
function unpack(from: usize, rows: i32, heads: i32, width: i32, factor: f32, to: usize, add: bool): void {
  const stride = bytes(heads * width);
  const whole = bytes(width & ~3);
  const end = bytes(width);
  const factors = f32x4.splat(factor);
  for (let row = 0; row < rows; row++) {
    let at: usize = 0;
    for (; at < whole; at += 16) {
      const value = f32x4.mul(v128.load(from + at), factors);
      v128.store(to + at, add ? f32x4.add(v128.load(to + at), value) : value);
    }
    for (; at < end; at += 4) {
      const value: f32 = load<f32>(from + at) * factor;
      store<f32>(to + at, add ? load<f32>(to + at) + value : value);
    }
    from += end;
    to += stride;
  }
}

/** p [rows, columns] itself without factors, or its product with them in `to`; rows of factors are `stride` long. */
function dropped(p: usize, factors: usize, stride: i32, rows: i32, columns: i32, to: usize): usize {
  if (!factors) return p;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = bytes(row * columns + column);
      store<f32>(to + at, load<f32>(p + at) * load<f32>(factors + bytes(row * stride + column)));
    }
  }
  return to;
}

function softmax(scores: usize, rows: i32, columns: i32): void {
  const end = bytes(columns);
  const whole = bytes(columns & ~3);
  for (let row = 0; row < rows; row++) {
    const s = scores + bytes(row * columns);
    let top: f32 = load<f32>(s);
    let tops = f32x4.splat(top);
    let at: usize = 0;
    for (; at < whole; at += 16) tops = f32x4.max(tops, v128.load(s + at));
    for (; at < end; at += 4) top = max<f32>(top, load<f32>(s + at));
    tops = f32x4.max(tops, v128.shuffle<f32>(tops, tops, 2, 3, 0, 1));
    tops = f32x4.max(tops, v128.shuffle<f32>(tops, tops, 1, 0, 3, 2));
    tops = f32x4.max(tops, f32x4.splat(top));
    top = f32x4.extract_lane(tops, 0);
    for (at = 0; at < whole; at += 16) v128.store(s + at, f32x4.sub(v128.load(s + at), tops));
    for (; at < end; at += 4) store<f32>(s + at, load<f32>(s + at) - top);
  }
  exp(scores, scores, rows * columns);
  for (let row = 0; row < rows; row++) {
    const s = scores + bytes(row * columns);
    let sums = f32x4.splat(0);
    let sum: f32 = 0;
    let at: usize = 0;
    for (; at < whole; at += 16) sums = f32x4.add(sums, v128.load(s + at));
    for (; at < end; at += 4) sum += load<f32>(s + at);
    const factor: f32 = 1 / (sumOfLanes(sums) + sum);
    const factors = f32x4.splat(factor);
    for (at = 0; at < whole; at += 16) v128.store(s + at, f32x4.mul(v128.load(s + at), factors));
    for (; at < end; at += 4) store<f32>(s + at, load<f32>(s + at) * factor);
  }
}

/** gradient = p (dp - sum(p dp)) = w dw - p sum(w dw) from dw in its place, where w = dropout p. */
function softmaxGradient(p: usize, weights: usize, gradient: usize, rows: i32, columns: i32): void {
  const end = bytes(columns);
  const whole = bytes(columns & ~3);
  for (let row = 0; row < rows; row++) {
    let alongs = f32x4.splat(0);
    let along: f32 = 0;
    let at: usize = 0;
    for (; at < whole; at += 16) {
      const product = f32x4.mul(v128.load(weights + at), v128.load(gradient + at));
      v128.store(gradient + at, product);
      alongs = f32x4.add(alongs, product);
    }
    for (; at < end; at += 4) {
      const product: f32 = load<f32>(weights + at) * load<f32>(gradient + at);
      store<f32>(gradient + at, product);
      along += product;
    }
    along += sumOfLanes(alongs);
    const along4 = f32x4.splat(along);
    for (at = 0; at < whole; at += 16)
      v128.store(gradient + at, f32x4.sub(v128.load(gradient + at), f32x4.mul(v128.load(p + at), along4)));
    for (; at < end; at += 4) store<f32>(gradient + at, load<f32>(gradient + at) - load<f32>(p + at) * along);
    p += end;
    weights += end;
    gradient += end;
  }
}
