/**
 * The layers that are named, or all.
 *
 * @param count layers of the model
 * @param layers counted from 0 at the embedding; null: all
 * @throws RangeError if the model has no such layer
 */
export function chosenLayers(count: number, layers: readonly number[] | null): readonly number[] {
  const chosen = layers ?? Array.from({ length: count }, (_, index) => index);
  const beyond = chosen.filter((layer) => !Number.isInteger(layer) || layer < 0 || layer >= count);
  if (beyond.length === 0) return chosen;
  throw new RangeError(`loraLayers names layer ${beyond.join(', ')}, but the teacher has layers 0 to ${count - 1}`);
}
