import { z } from 'zod';
import { type Checked, problemsOf } from '../../contract/run-spec';
import type { BertConfig } from './bert-config';

/** Of a BERT with adapters or prefixes, so that what would ignore them refuses the folder rather than misreads it. */
const extendedType = 'stillhouse-bert';

const partSchema = z.strictObject({ size: z.int().min(1), layers: z.array(z.int().min(0)).min(1) }).nullable();

/** What of a Hugging Face `config.json` decides what a BERT model computes; other fields do not matter here. */
const configSchema = z
  .looseObject({
    model_type: z.enum(['bert', extendedType]).default('bert'),
    vocab_size: z.int().min(1),
    hidden_size: z.int().min(1),
    num_hidden_layers: z.int().min(1),
    num_attention_heads: z.int().min(1),
    intermediate_size: z.int().min(1),
    max_position_embeddings: z.int().min(1),
    type_vocab_size: z.int().min(1).default(2),
    layer_norm_eps: z.number().positive().default(1e-12),
    initializer_range: z.number().positive().default(0.02),
    hidden_act: z.literal('gelu').default('gelu'),
    position_embedding_type: z.literal('absolute').default('absolute'),
    is_decoder: z.literal(false).default(false),
    id2label: z.record(z.string(), z.string()).optional(),
    adapters: partSchema.default(null),
    prefixes: partSchema.default(null),
  })
  .refine((config) => config.hidden_size % config.num_attention_heads === 0, {
    path: ['num_attention_heads'],
    message: 'do not divide hidden_size',
  });

export interface HuggingFaceConfig {
  config: BertConfig;
  /** Names of the classifier's classes in the order of its logits; null where the file does not say. */
  labels: string[] | null;
}

/**
 * Reads the text of a `config.json`.
 *
 * @param file its name, for messages
 * @returns every field that is missing, malformed, or asks for what this BERT does not compute
 */
export function parseHuggingFaceConfig(text: string, file: string): Checked<HuggingFaceConfig> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { kind: 'invalid', problems: [{ path: '', message: `${file} is not JSON: ${(error as Error).message}` }] };
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const problems = problemsOf(parsed.error).map(({ path, message }) => ({
      path,
      message: `${file}: ${path}: ${message}, found ${JSON.stringify((json as Record<string, unknown> | null)?.[path])}`,
    }));
    return { kind: 'invalid', problems };
  }
  const { id2label, ...fields } = parsed.data;
  const config: BertConfig = {
    vocabularySize: fields.vocab_size,
    hidden: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    intermediate: fields.intermediate_size,
    maxPositions: fields.max_position_embeddings,
    tokenTypes: fields.type_vocab_size,
    layerNormEps: fields.layer_norm_eps,
    initializerRange: fields.initializer_range,
    adapters: fields.adapters,
    prefixes: fields.prefixes,
  };
  return { kind: 'valid', value: { config, labels: id2label ? namedLabels(id2label) : null } };
}

/** Null for the names `LABEL_0`, ... that Hugging Face makes up, and for numbers that leave a gap. */
function namedLabels(id2label: Record<string, string>): string[] | null {
  const labels = Object.keys(id2label).map((_, index) => id2label[index]);
  return labels.every((label) => label !== undefined && !/^LABEL_\d+$/.test(label)) ? (labels as string[]) : null;
}

/** The text of a `config.json` for a BERT classifier, from which `parseHuggingFaceConfig` gives the same config back. */
export function formatHuggingFaceConfig(config: BertConfig, classes: readonly string[]): string {
  const { adapters, prefixes } = config;
  const isExtended = adapters !== null || prefixes !== null;
  const fields = {
    architectures: ['BertForSequenceClassification'],
    model_type: isExtended ? extendedType : 'bert',
    vocab_size: config.vocabularySize,
    hidden_size: config.hidden,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.intermediate,
    max_position_embeddings: config.maxPositions,
    type_vocab_size: config.tokenTypes,
    layer_norm_eps: config.layerNormEps,
    initializer_range: config.initializerRange,
    hidden_act: 'gelu',
    position_embedding_type: 'absolute',
    pad_token_id: 0,
    torch_dtype: 'float32',
    num_labels: classes.length,
    id2label: Object.fromEntries(classes.map((label, index) => [index, label])),
    label2id: Object.fromEntries(classes.map((label, index) => [label, index])),
    ...(isExtended ? { adapters, prefixes } : {}),
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}
