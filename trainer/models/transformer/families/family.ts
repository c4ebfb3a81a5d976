import type { Checked } from '../../../../contract/run-spec';
import type { TransformerConfig } from '../architecture';

/** A transformer family: how its files describe an encoder. The forward pass knows an encoder by its config alone. */
export interface Family {
  /** Values of `model_type` in its `config.json`; the first is that of other programs, and taken where the file has none. */
  modelTypes: readonly [string, ...string[]];
  /** @param file name of `config.json`, for messages. @returns every field that is missing, malformed or not supported */
  readConfig(json: unknown, file: string): Checked<TransformerConfig>;
  /** Fields of `config.json` from which `readConfig` gives the same config back. */
  writeConfig(config: TransformerConfig): Record<string, unknown>;
  /** The name of a weight in this program, from its name in a file. */
  nameFromFile(name: string): string;
  /** The reverse, as other programs write it. */
  nameInFile(name: string): string;
}
