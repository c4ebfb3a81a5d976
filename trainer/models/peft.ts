import type { Parameters } from '../../contract/parameters';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { type AddedPart, type BertConfig, bertShapes, chosenLayers, initialiseBertWeight } from './bert-config';
import { encoderBiases } from './bitfit';
import { initialMagnitudes } from './dora';
import { initialiseLora, type LoraSettings, loraProjections } from './lora';

/** An encoder of which a part learns. */
export interface PartlyTrained {
  /** With the adapters or prefixes that were added. */
  config: BertConfig;
  learning: Weights;
  frozen: Weights;
}

/** The LoRA settings among the hyper-parameters. */
export const loraSettings = (parameters: Parameters): LoraSettings => ({
  rank: parameters.loraRank,
  alpha: parameters.loraAlpha,
  rankStabilised: parameters.loraRankStabilised,
  targets: parameters.loraTargets,
  layers: parameters.loraLayers,
});

/**
 * Makes the part of an encoder that learns, as `parameters.peft` has it: added to the encoder, or taken from it. Adapters
 * and prefixes that the encoder has from an earlier training go on learning.
 *
 * @throws RangeError where a layer is named that the encoder does not have
 */
export function partlyTrained(
  config: BertConfig,
  weights: Weights,
  parameters: Parameters,
  random: RandomStream,
): PartlyTrained {
  const settings = loraSettings(parameters);
  switch (parameters.peft) {
    case 'lora':
      return { config, learning: initialiseLora(config, settings, random), frozen: weights };
    case 'dora': {
      const magnitudes = initialMagnitudes(weights, loraProjections(config, settings));
      return { config, learning: { ...initialiseLora(config, settings, random), ...magnitudes }, frozen: weights };
    }
    case 'bitfit':
      return split(config, weights, Object.keys(encoderBiases(weights, config, settings.layers)));
    case 'adapters':
    case 'prefix':
      return withAddedPart(config, weights, parameters, random);
  }
}

function withAddedPart(
  config: BertConfig,
  weights: Weights,
  parameters: Parameters,
  random: RandomStream,
): PartlyTrained {
  const { kind, part } = addedPart(config, parameters)!;
  const bare = bertShapes({ ...config, [kind]: null }, 1);
  const whole = { ...config, [kind]: part };
  const added = Object.entries(bertShapes(whole, 1)).filter(([name]) => !(name in bare));
  const drawn = added
    .filter(([name]) => !(name in weights))
    .map(([name, shape]) => [name, initialiseBertWeight(name, shape, config, random)] as const);
  return split(
    whole,
    { ...weights, ...Object.fromEntries(drawn) },
    added.map(([name]) => name),
  );
}

/** What the hyper-parameters add to an encoder; null: nothing that has weights of its own beside BERT's. */
export function addedPart(
  config: BertConfig,
  { peft, loraLayers, adapterSize, prefixLength }: Parameters,
): { kind: 'adapters' | 'prefixes'; part: AddedPart } | null {
  const layers = [...chosenLayers(config, loraLayers)].sort((a, b) => a - b);
  if (peft === 'adapters') return { kind: 'adapters', part: { size: adapterSize, layers } };
  if (peft === 'prefix') return { kind: 'prefixes', part: { size: prefixLength, layers } };
  return null;
}

function split(config: BertConfig, weights: Weights, learning: readonly string[]): PartlyTrained {
  const names = new Set(learning);
  const those = (wanted: boolean) =>
    Object.fromEntries(Object.entries(weights).filter(([name]) => names.has(name) === wanted));
  return { config, learning: those(true), frozen: those(false) };
}
