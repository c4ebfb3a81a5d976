import type { Weights } from '../../numeric/weights';
import type { ModelLayer } from '../model';
import { chosenLayers } from './layers';

/**
 * The weights that learn in BitFit (Ben Zaken et al., 2022): every bias of the layers, those of layer norms included. They
 * are the model's own, so nothing has to be merged in the end.
 *
 * @param chosen layers counted from 0 at the embedding; null: all
 * @throws RangeError if the model has no such layer
 */
export function layerBiases(
  weights: Weights,
  layers: readonly ModelLayer[],
  chosen: readonly number[] | null,
): Weights {
  const prefixes = chosenLayers(layers.length, chosen).map((index) => `${layers[index]!.name}.`);
  const isChosen = (name: string) => name.endsWith('.bias') && prefixes.some((prefix) => name.startsWith(prefix));
  return Object.fromEntries(Object.entries(weights).filter(([name]) => isChosen(name)));
}
