import type { Parameters } from '../../../contract/parameters';
import type { RandomStream } from '../../numeric/random';
import type { Weights } from '../../numeric/weights';
import { initialiseWeight } from '../initialise-weight';
import type { InsertedModule, InsertedModules, PeftBase } from '../model';
import { adapterShapes } from './adapters';
import { layerBiases } from './bitfit';
import { initialMagnitudes } from './dora';
import { chosenLayers } from './layers';
import { initialiseLora, type LoraSettings, loraMatrices } from './lora';
import { prefixShapes } from './prefix';

/** The weights of a model, divided into those that learn and the rest. */
export interface PartlyTrained {
  /** The modules now inserted into the model. */
  inserted: InsertedModules;
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
 * Makes the part of a model that learns, as `parameters.peft` chooses it: new weights, or some of its own. Adapters and prefixes
 * left by an earlier training go on learning.
 *
 * @throws RangeError for a layer or a target that the model does not have
 */
export function partlyTrained(
  base: PeftBase,
  weights: Weights,
  parameters: Parameters,
  random: RandomStream,
): PartlyTrained {
  const { layers, inserted } = base;
  const settings = loraSettings(parameters);
  switch (parameters.peft) {
    case 'lora':
      return { inserted, learning: initialiseLora(layers, settings, random), frozen: weights };
    case 'dora': {
      const magnitudes = initialMagnitudes(
        weights,
        loraMatrices(layers, settings).map(({ name }) => name),
      );
      return { inserted, learning: { ...initialiseLora(layers, settings, random), ...magnitudes }, frozen: weights };
    }
    case 'bitfit':
      return { inserted, ...divide(weights, Object.keys(layerBiases(weights, layers, settings.layers))) };
    case 'adapters':
    case 'prefix':
      return withInsertedModule(base, weights, parameters, random);
  }
}

function withInsertedModule(
  base: PeftBase,
  weights: Weights,
  parameters: Parameters,
  random: RandomStream,
): PartlyTrained {
  const { kind, module } = insertedModule(base, parameters)!;
  const shapesOf = kind === 'adapters' ? adapterShapes : prefixShapes;
  const shapes = module.layers.flatMap((index) =>
    Object.entries(shapesOf(base.layers[index]!.name, base.hidden, module.size)),
  );
  const drawn = shapes
    .filter(([name]) => !(name in weights))
    .map(([name, shape]) => [name, initialiseWeight(name, shape, base.initializerRange, random)] as const);
  const names = shapes.map(([name]) => name);
  return {
    inserted: { ...base.inserted, [kind]: module },
    ...divide({ ...weights, ...Object.fromEntries(drawn) }, names),
  };
}

/** The module that the hyper-parameters insert; null for a `peft` that inserts none. */
export function insertedModule(
  { layers }: Pick<PeftBase, 'layers'>,
  { peft, loraLayers, adapterSize, prefixLength }: Parameters,
): { kind: keyof InsertedModules; module: InsertedModule } | null {
  const chosen = [...chosenLayers(layers.length, loraLayers)].sort((a, b) => a - b);
  if (peft === 'adapters') return { kind: 'adapters', module: { size: adapterSize, layers: chosen } };
  if (peft === 'prefix') return { kind: 'prefixes', module: { size: prefixLength, layers: chosen } };
  return null;
}

function divide(weights: Weights, learning: readonly string[]): Pick<PartlyTrained, 'learning' | 'frozen'> {
  const names = new Set(learning);
  const those = (wanted: boolean) =>
    Object.fromEntries(Object.entries(weights).filter(([name]) => names.has(name) === wanted));
  return { learning: those(true), frozen: those(false) };
}
