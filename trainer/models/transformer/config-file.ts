import { z } from 'zod';
import { type Checked, problemsOf } from '../../../contract/run-spec';
import type { TransformerConfig } from './architecture';
import { families, familyOf, modelTypes } from './families';

export interface ConfigFile {
  config: TransformerConfig;
  /** Names of the classifier's classes in the order of its logits; null if the file does not name them. */
  labels: string[] | null;
}

/**
 * Reads the text of a Hugging Face `config.json`.
 *
 * @param file its name, for messages
 * @returns every field that is missing, malformed or not supported
 */
export function parseConfigFile(text: string, file: string): Checked<ConfigFile> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { kind: 'invalid', problems: [{ path: '', message: `${file} is not JSON: ${(error as Error).message}` }] };
  }
  const fields = asRecord(json) ?? {};
  const family = familyOf(fields.model_type);
  if (family === undefined) {
    const supported = modelTypes.map((type) => `"${type}"`).join(' or ');
    const message = `${file}: model_type: must be ${supported}, found ${JSON.stringify(fields.model_type)}`;
    return { kind: 'invalid', problems: [{ path: 'model_type', message }] };
  }
  const config = family.readConfig(json, file);
  const names = namesSchema.safeParse(fields.id2label, { reportInput: true });
  if (config.kind === 'invalid' || !names.success) {
    const ofLabels = names.success ? [] : problemsOf(names.error);
    const problems = ofLabels.map(({ message }) => ({ path: 'id2label', message: `${file}: id2label: ${message}` }));
    return { kind: 'invalid', problems: [...(config.kind === 'invalid' ? config.problems : []), ...problems] };
  }
  return { kind: 'valid', value: { config: config.value, labels: names.data ? labelsOf(names.data) : null } };
}

const namesSchema = z.record(z.string(), z.string()).optional();

/** null for the names `LABEL_0`, ... that Hugging Face makes up, and for numbers that leave a gap. */
function labelsOf(names: Record<string, string>): string[] | null {
  const labels = Object.keys(names).map((_, index) => names[index]);
  return labels.every((label) => label !== undefined && !/^LABEL_\d+$/.test(label)) ? (labels as string[]) : null;
}

/** The text of a `config.json` for a classifier, from which `parseConfigFile` gives the same config back. */
export function formatConfigFile(config: TransformerConfig, classes: readonly string[]): string {
  const fields = {
    ...families[config.family]!.writeConfig(config),
    torch_dtype: 'float32',
    num_labels: classes.length,
    id2label: Object.fromEntries(classes.map((label, index) => [index, label])),
    label2id: Object.fromEntries(classes.map((label, index) => [label, index])),
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

const asRecord = (value: unknown): Record<string, unknown> | null =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
