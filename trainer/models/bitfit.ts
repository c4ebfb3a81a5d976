import type { Weights } from '../numeric/weights';
import { type BertConfig, chosenLayers, layerName } from './bert-config';

/**
 * What learns in BitFit (Ben Zaken et al., 2022): every bias of the encoder layers, those of layer norms included. They
 * are the encoder's own, so nothing has to be merged in the end.
 *
 * @param layers from 0 at the embedding; null: all
 * @throws RangeError where a layer is named that the encoder does not have
 */
export function encoderBiases(weights: Weights, config: BertConfig, layers: readonly number[] | null): Weights {
  const prefixes = chosenLayers(config, layers).map((layer) => `${layerName(layer)}.`);
  const isChosen = (name: string) => name.endsWith('.bias') && prefixes.some((prefix) => name.startsWith(prefix));
  return Object.fromEntries(Object.entries(weights).filter(([name]) => isChosen(name)));
}
