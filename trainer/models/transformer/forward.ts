import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../../numeric/random';
import type { Weights } from '../../numeric/weights';
import { type AttentionLayout, attention, attentionLayout } from '../../ops/attention';
import { type Lookup, lookUpSum, selectRows } from '../../ops/embedding';
import { gelu } from '../../ops/gelu';
import { addLayerNorm } from '../../ops/layer-norm';
import { linear } from '../../ops/linear';
import { multiplyByConstant } from '../../ops/multiply-by-constant';
import type { Sequences } from '../../tokenizers/sequences';
import type { ModelStates } from '../model';
import { adapt } from '../peft/adapters';
import { doraLinear, magnitudeOf } from '../peft/dora';
import { lowRankOf } from '../peft/lora';
import { prefixOf } from '../peft/prefix';
import { layerName, type TransformerConfig } from './architecture';

export interface ForwardOptions {
  /**
   * `none` (default): every token-wise part runs on the tokens really there, and only attention pads; `batch`: padded to
   * the longest sequence throughout, as other implementations do. Same logits but for float32 rounding.
   */
  padding?: 'none' | 'batch';
  /** Factor of the LoRA matrices in `weights`, by `loraScale`. */
  loraScale?: number;
  /** Dropout of hidden states, attention probabilities and the pooled state; null (default): none. */
  dropout?: { rate: number; random: RandomStream } | null;
  /** Word vectors of the tokens, [n, d], to use in place of the embedding table; unpadded. */
  wordVectors?: Tensor2D | null;
  /** States that enter a layer, [n, d], by `statesEnteringLayer`: the layers below are skipped. Not with padding or dropout. */
  from?: { layer: number; states: Tensor2D } | null;
}

interface Pass {
  weights: Weights;
  config: TransformerConfig;
  layout: AttentionLayout;
  /** Row of [n, d] of each sequence's first token, [CLS]. */
  firstTokens: Int32Array;
  loraScale: number;
  /** Draws a new dropout mask at every call; null: no dropout. */
  dropoutMask: ((shape: number[]) => Tensor) | null;
}

/**
 * Logits of a transformer classifier (BERT: Devlin et al., 2019): embeddings, encoder, tanh pooler on [CLS], classifier. The last
 * layer is computed at [CLS] alone, since the pooler reads nothing else.
 *
 * The caller chooses what is trained: pass `{ ...frozen, ...trainable }` and ask `valueAndGradients` for the
 * gradient of `trainable` alone. Frozen matrices get no gradient, and with LoRA the backward pass ends at the lowest layer
 * that has LoRA matrices.
 *
 * @param weights by the names of `transformerShapes`, with any LoRA matrices (`initialiseLora`), magnitudes (`dora.ts`),
 *   adapters and prefixes
 * @param tokens word pieces, each sequence beginning with [CLS]; all of token type 0
 * @returns [b, c]
 * @throws RangeError if a sequence is longer than the model has positions
 */
export function transformerLogits(
  weights: Weights,
  config: TransformerConfig,
  tokens: Sequences,
  options: ForwardOptions = {},
): Tensor2D {
  const { padding = 'none', from = null } = options;
  const pass = preparePass(weights, config, tokens, options);
  if (from !== null && (padding === 'batch' || pass.dropoutMask !== null))
    throw new Error('a forward pass from given hidden states is unpadded and without dropout, as they are');
  const states = from?.states ?? embed(pass, tokens, padding === 'batch', options.wordVectors ?? null);
  const last = config.layers - 1;
  return classify(pass, encoderLayer(pass, last, encoderLayers(pass, from?.layer ?? 0, last, states), true));
}

/**
 * The states that enter a layer, in evaluation mode; `transformerLogits` can go on from them.
 *
 * @param layer counted from 0, which the embeddings enter
 * @returns [n, d], n the sum of lengths
 */
export function statesEnteringLayer(
  weights: Weights,
  config: TransformerConfig,
  tokens: Sequences,
  layer: number,
): Tensor2D {
  const pass = preparePass(weights, config, tokens, {});
  return encoderLayers(pass, 0, layer, embed(pass, tokens, false));
}

/**
 * Logits with the states that lead to them: those that enter the first layer and leave every layer, [n, d] each; the summary of a
 * sequence is its [CLS].
 */
export function transformerStates(
  weights: Weights,
  config: TransformerConfig,
  tokens: Sequences,
  options: Omit<ForwardOptions, 'padding' | 'from'> = {},
): ModelStates {
  const pass = preparePass(weights, config, tokens, options);
  const layers = [embed(pass, tokens, false, options.wordVectors ?? null)];
  for (let index = 0; index < config.layers; index++) layers.push(encoderLayer(pass, index, layers[index]!, false));
  const summary = (layer: number) => selectRows(layers[layer]!, pass.firstTokens);
  return { logits: classify(pass, summary(config.layers)), layers, summary, attention: null };
}

/** Pooler and classifier, [b, d] -> [b, c]. */
function classify(pass: Pass, cls: Tensor2D): Tensor2D {
  const pooled = tf.tanh(dense(pass, 'pooler.dense', cls)); // [b, d]
  return dense(pass, 'classifier', drop(pass, pooled));
}

function preparePass(weights: Weights, config: TransformerConfig, tokens: Sequences, options: ForwardOptions): Pass {
  const { padding = 'none', loraScale = 1, dropout = null } = options;
  const { lengths } = tokens;
  const layout = attentionLayout(lengths, config.heads, padding === 'batch');
  if (layout.time > config.maxPositions)
    throw new RangeError(`a sequence of ${layout.time} tokens, but the model has ${config.maxPositions} positions`);
  const firstTokens = new Int32Array(lengths.length);
  for (let s = 1; s < lengths.length; s++)
    firstTokens[s] = firstTokens[s - 1]! + (padding === 'batch' ? layout.time : lengths[s - 1]!);
  const dropoutMask = (shape: number[]) =>
    tf.tensor(dropout!.random.fillDropoutMask(new Float32Array(tf.util.sizeFromShape(shape)), dropout!.rate), shape);
  const drops = dropout !== null && dropout.rate > 0;
  return { weights, config, layout, firstTokens, loraScale, dropoutMask: drops ? dropoutMask : null };
}

/** The states that enter the first layer, [n, d]. */
function embed(pass: Pass, tokens: Sequences, paddedRows: boolean, wordVectors: Tensor2D | null = null): Tensor2D {
  const { ids, positions } = tokenRows(tokens, pass.layout, paddedRows);
  const table = (name: string) => pass.weights[`embeddings.${name}_embeddings.weight`] as Tensor2D;
  const position: Lookup = { table: table('position'), indices: positions };
  const type: Lookup = { table: table('token_type'), indices: new Int32Array(ids.length) };
  const embedded =
    wordVectors === null
      ? lookUpSum([{ table: table('word'), indices: ids }, position, type])
      : tf.add<Tensor2D>(wordVectors, lookUpSum([position, type]));
  return drop(pass, addNorm(pass, 'embeddings.LayerNorm', embedded, null));
}

/** Layers `first` to `end` - 1, [n, d] -> [n, d]. */
function encoderLayers(pass: Pass, first: number, end: number, states: Tensor2D): Tensor2D {
  let state = states;
  for (let index = first; index < end; index++) state = encoderLayer(pass, index, state, false);
  return state;
}

/** Word piece and position of every row of [n, d]; padded rows hold id 0 where a sequence has ended. */
function tokenRows(
  { ids, lengths }: Sequences,
  { time, tokens }: AttentionLayout,
  paddedRows: boolean,
): { ids: Int32Array; positions: Int32Array } {
  const rows = { ids: new Int32Array(tokens), positions: new Int32Array(tokens) };
  let from = 0;
  let to = 0;
  for (const length of lengths) {
    const rowCount = paddedRows ? time : length;
    rows.ids.set(ids.subarray(from, from + length), to);
    for (let position = 0; position < rowCount; position++) rows.positions[to + position] = position;
    from += length;
    to += rowCount;
  }
  return rows;
}

/** One encoder layer, [n, d] -> [n, d]; with `clsOnly` -> [b, d]: queries from [CLS] only, keys and values from all tokens. */
function encoderLayer(pass: Pass, index: number, state: Tensor2D, clsOnly: boolean): Tensor2D {
  const { layout, firstTokens } = pass;
  const { sequences, heads, time } = layout;
  const layer = layerName(index);
  const prefix = prefixOf(pass.weights, layer);
  const keys = time + (prefix?.key.shape[0] ?? 0);
  const queryStates = clsOnly ? selectRows(state, firstTokens) : state;
  const context = attention(layout, {
    query: dense(pass, `${layer}.attention.self.query`, queryStates),
    key: dense(pass, `${layer}.attention.self.key`, state),
    value: dense(pass, `${layer}.attention.self.value`, state),
    queryPerSequence: clsOnly,
    prefix,
    dropout: (pass.dropoutMask?.([sequences, heads, clsOnly ? 1 : time, keys]) as Tensor4D | undefined) ?? null,
  });
  const projected = drop(pass, dense(pass, `${layer}.attention.output.dense`, context));
  const attended = addNorm(
    pass,
    `${layer}.attention.output.LayerNorm`,
    adapt(pass.weights, `${layer}.attention.output`, projected),
    queryStates,
  );
  const widened = gelu(dense(pass, `${layer}.intermediate.dense`, attended)); // [., intermediate]
  const narrowed = drop(pass, dense(pass, `${layer}.output.dense`, widened));
  return addNorm(pass, `${layer}.output.LayerNorm`, adapt(pass.weights, `${layer}.output`, narrowed), attended);
}

function dense({ weights, loraScale }: Pass, name: string, x: Tensor2D): Tensor2D {
  const weight = weights[`${name}.weight`] as Tensor2D;
  const bias = weights[`${name}.bias`] as Tensor1D;
  const lowRank = lowRankOf(weights, name, loraScale);
  const magnitude = magnitudeOf(weights, name);
  return lowRank && magnitude
    ? doraLinear(x, { weight, bias, lowRank }, magnitude)
    : linear(x, { weight, bias, lowRank });
}

function addNorm({ weights, config }: Pass, name: string, x: Tensor2D, residual: Tensor2D | null): Tensor2D {
  const norm = { weight: weights[`${name}.weight`] as Tensor1D, bias: weights[`${name}.bias`] as Tensor1D };
  return addLayerNorm(x, residual, norm, config.layerNormEps);
}

function drop({ dropoutMask }: Pass, x: Tensor2D): Tensor2D {
  return dropoutMask ? multiplyByConstant(x, dropoutMask(x.shape)) : x;
}
