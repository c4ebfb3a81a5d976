import { bert } from './bert';
import type { Family } from './family';

/** The transformer families, by name. */
export const families: Readonly<Record<string, Family>> = { bert };

/** The family of a `config.json`; undefined: none that this program computes. A file without `model_type` is BERT's. */
export function familyOf(modelType: unknown): Family | undefined {
  if (modelType === undefined) return bert;
  return Object.values(families).find(({ modelTypes }) => modelTypes.some((type) => type === modelType));
}

export const modelTypes: readonly string[] = Object.values(families).flatMap((family) => family.modelTypes);
