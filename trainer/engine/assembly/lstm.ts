import { sigmoid4, tanh4 } from './elementwise';
import { matMul, matMulScratchBytes } from './matmul';
import { sumRows } from './rows';

/** Bytes of scratch for either direction of the pass. */
export function lstmScratchBytes(steps: i32, batch: i32, inputs: i32, units: i32): i32 {
  const tokens = steps * batch;
  const forward = max(matMulScratchBytes(tokens, 4 * units, inputs), matMulScratchBytes(batch, 4 * units, units));
  const toInput = max(matMulScratchBytes(tokens, inputs, 4 * units), matMulScratchBytes(batch, units, 4 * units));
  const toWeight = max(matMulScratchBytes(inputs, 4 * units, tokens), matMulScratchBytes(units, 4 * units, tokens));
  return gateBytes(tokens, units) + 2 * stateBytes(batch, units) + max(forward, max(toInput, toWeight));
}

function gateBytes(tokens: i32, units: i32): i32 {
  return roundTo16(tokens * 4 * units * 4);
}

function stateBytes(batch: i32, units: i32): i32 {
  return roundTo16(batch * units * 4);
}

function roundTo16(size: i32): i32 {
  return (size + 15) & ~15;
}

/**
 * x [t, b, in], weight [in + u, 4u], bias [4u] -> seven tensors [t, b, u]. Gates i, f, c, o.
 * All inputs are multiplied at once; a step then adds h_{t-1} W_h alone.
 */
export function lstm(
  x: usize,
  weight: usize,
  bias: usize,
  inputGate: usize,
  cellState: usize,
  forgetGate: usize,
  outputGate: usize,
  cellInput: usize,
  cellOutput: usize,
  hidden: usize,
  scratch: usize,
  steps: i32,
  batch: i32,
  inputs: i32,
  units: i32,
): void {
  const gates = 4 * units;
  const tokens = steps * batch;
  const z = scratch; // [t, b, 4u]
  const packing = scratch + <usize>(gateBytes(tokens, units) + 2 * stateBytes(batch, units));
  const hiddenWeight = weight + ((<usize>(inputs * gates)) << 2);
  const stepBytes = (<usize>(batch * units)) << 2;
  const rowBytes = (<usize>gates) << 2;
  for (let row = 0; row < tokens; row++) memory.copy(z + <usize>row * rowBytes, bias, rowBytes);
  matMul(x, weight, z, packing, 1, 0, 0, tokens, gates, inputs, false, false, true);
  for (let step = 0; step < steps; step++) {
    const zStep = z + <usize>(step * batch) * rowBytes;
    const at = <usize>step * stepBytes;
    if (step > 0) {
      matMul(hidden + at - stepBytes, hiddenWeight, zStep, packing, 1, 0, 0, batch, gates, units, false, false, true);
    }
    for (let row = 0; row < batch; row++) {
      const zRow = zStep + <usize>row * rowBytes;
      const offset = at + ((<usize>(row * units)) << 2);
      for (let unit = 0; unit < units; unit += 4) {
        const left = units - unit;
        const gate = zRow + ((<usize>unit) << 2);
        const here = offset + ((<usize>unit) << 2);
        const gateStep = (<usize>units) << 2;
        const i = sigmoid4(load4(gate, left));
        const f = sigmoid4(load4(gate + gateStep, left));
        const c = tanh4(load4(gate + 2 * gateStep, left));
        const o = sigmoid4(load4(gate + 3 * gateStep, left));
        const before = step > 0 ? load4(cellState + here - stepBytes, left) : f32x4.splat(0);
        const state = f32x4.add(f32x4.mul(f, before), f32x4.mul(i, c));
        const squashed = tanh4(state);
        store4(inputGate + here, i, left);
        store4(cellState + here, state, left);
        store4(forgetGate + here, f, left);
        store4(outputGate + here, o, left);
        store4(cellInput + here, c, left);
        store4(cellOutput + here, squashed, left);
        store4(hidden + here, f32x4.mul(o, squashed), left);
      }
    }
  }
}

/** dL/dx [t, b, in], dL/dweight [in + u, 4u], dL/dbias [4u] from dL/dhidden [t, b, u] and what `lstm` left. */
export function lstmGradient(
  x: usize,
  weight: usize,
  inputGate: usize,
  cellState: usize,
  forgetGate: usize,
  outputGate: usize,
  cellInput: usize,
  cellOutput: usize,
  hidden: usize,
  hiddenGradient: usize,
  xGradient: usize,
  weightGradient: usize,
  biasGradient: usize,
  scratch: usize,
  steps: i32,
  batch: i32,
  inputs: i32,
  units: i32,
): void {
  const gates = 4 * units;
  const tokens = steps * batch;
  const dz = scratch; // [t, b, 4u]
  const dState = scratch + <usize>gateBytes(tokens, units); // [b, u], carried back through the cell state
  const dHidden = dState + <usize>stateBytes(batch, units); // [b, u], carried back through h W_h
  const packing = dHidden + <usize>stateBytes(batch, units);
  const hiddenWeight = weight + ((<usize>(inputs * gates)) << 2);
  const stepBytes = (<usize>(batch * units)) << 2;
  const rowBytes = (<usize>gates) << 2;
  memory.fill(dState, 0, 2 * <usize>stateBytes(batch, units));
  for (let step = steps - 1; step >= 0; step--) {
    const dzStep = dz + <usize>(step * batch) * rowBytes;
    const at = <usize>step * stepBytes;
    for (let row = 0; row < batch; row++) {
      const inBatch = (<usize>(row * units)) << 2;
      for (let unit = 0; unit < units; unit += 4) {
        const left = units - unit;
        const within = inBatch + ((<usize>unit) << 2);
        const here = at + within;
        const one = f32x4.splat(1);
        const i = load4(inputGate + here, left);
        const f = load4(forgetGate + here, left);
        const c = load4(cellInput + here, left);
        const o = load4(outputGate + here, left);
        const squashed = load4(cellOutput + here, left);
        const before = step > 0 ? load4(cellState + here - stepBytes, left) : f32x4.splat(0);
        const dh = f32x4.add(load4(hiddenGradient + here, left), load4(dHidden + within, left));
        const flat = f32x4.sub(one, f32x4.mul(squashed, squashed));
        const ds = f32x4.add(f32x4.mul(f32x4.mul(dh, o), flat), load4(dState + within, left));
        const gate = dzStep + <usize>row * rowBytes + ((<usize>unit) << 2);
        const gateStep = (<usize>units) << 2;
        const open = f32x4.sub(one, f32x4.mul(c, c));
        store4(gate, f32x4.mul(f32x4.mul(ds, c), f32x4.mul(i, f32x4.sub(one, i))), left);
        store4(gate + gateStep, f32x4.mul(f32x4.mul(ds, before), f32x4.mul(f, f32x4.sub(one, f))), left);
        store4(gate + 2 * gateStep, f32x4.mul(f32x4.mul(ds, i), open), left);
        store4(gate + 3 * gateStep, f32x4.mul(f32x4.mul(dh, squashed), f32x4.mul(o, f32x4.sub(one, o))), left);
        store4(dState + within, f32x4.mul(ds, f), left);
      }
    }
    if (step > 0) matMul(dzStep, hiddenWeight, dHidden, packing, 1, 0, 0, batch, units, gates, false, true, false);
  }
  matMul(dz, weight, xGradient, packing, 1, 0, 0, tokens, inputs, gates, false, true, false);
  matMul(x, dz, weightGradient, packing, 1, 0, 0, inputs, gates, tokens, true, false, false);
  // h_{t-1} goes with the gates of t: the hidden states but the last against the gates but the first.
  const hiddenWeightGradient = weightGradient + ((<usize>(inputs * gates)) << 2);
  const later = dz + <usize>batch * rowBytes;
  matMul(hidden, later, hiddenWeightGradient, packing, 1, 0, 0, units, gates, tokens - batch, true, false, false);
  sumRows(dz, biasGradient, tokens, gates);
}

/** Four floats, or those that are left and zeros. */
function load4(at: usize, left: i32): v128 {
  return left >= 4 ? v128.load(at) : loadPart(at, left);
}

function store4(at: usize, value: v128, left: i32): void {
  if (left >= 4) v128.store(at, value);
  else storePart(at, value, left);
}

function loadPart(at: usize, left: i32): v128 {
  let value = f32x4.replace_lane(f32x4.splat(0), 0, load<f32>(at));
  if (left > 1) value = f32x4.replace_lane(value, 1, load<f32>(at, 4));
  if (left > 2) value = f32x4.replace_lane(value, 2, load<f32>(at, 8));
  return value;
}

function storePart(at: usize, value: v128, left: i32): void {
  store<f32>(at, f32x4.extract_lane(value, 0));
  if (left > 1) store<f32>(at, f32x4.extract_lane(value, 1), 4);
  if (left > 2) store<f32>(at, f32x4.extract_lane(value, 2), 8);
}
