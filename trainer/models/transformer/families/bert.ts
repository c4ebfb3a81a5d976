import { z } from 'zod';
import { problemsOf } from '../../../../contract/run-spec';
import type { TransformerConfig, TransformerSize } from '../architecture';
import type { Family } from './family';

/** `model_type` of an encoder with inserted adapters or prefixes: programs that would ignore them refuse the folder. */
const extendedType = 'stillhouse-bert';

const insertedSchema = z.strictObject({ size: z.int().min(1), layers: z.array(z.int().min(0)).min(1) }).nullable();

/** The fields of a Hugging Face `config.json` that decide what a BERT model computes; others are ignored. */
const configSchema = z
  .looseObject({
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
    adapters: insertedSchema.default(null),
    prefixes: insertedSchema.default(null),
  })
  .refine((config) => config.hidden_size % config.num_attention_heads === 0, {
    path: ['num_attention_heads'],
    message: 'do not divide hidden_size',
  });

/** BERT (Devlin et al., 2019). */
export const bert: Family = {
  modelTypes: ['bert', extendedType],
  readConfig: (json, file) => {
    const parsed = configSchema.safeParse(json);
    if (!parsed.success) {
      const problems = problemsOf(parsed.error).map(({ path, message }) => ({
        path,
        message: `${file}: ${path}: ${message}, found ${JSON.stringify((json as Record<string, unknown> | null)?.[path])}`,
      }));
      return { kind: 'invalid', problems };
    }
    const fields = parsed.data;
    const config: TransformerConfig = {
      family: 'bert',
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
    return { kind: 'valid', value: config };
  },
  writeConfig: (config) => {
    const { adapters, prefixes } = config;
    const isExtended = adapters !== null || prefixes !== null;
    return {
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
      ...(isExtended ? { adapters, prefixes } : {}),
    };
  },
  // Names may lack `bert.`; the first BERT files call the weights of layer norms gamma and beta.
  nameFromFile: (name) =>
    name
      .replace(/^bert\./, '')
      .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
      .replace(/LayerNorm\.beta$/, 'LayerNorm.bias'),
  nameInFile: (name) => (name.startsWith('classifier.') ? name : `bert.${name}`),
};

/** A new BERT of a given size. */
export const bertConfig = (size: TransformerSize): TransformerConfig => ({
  family: 'bert',
  maxPositions: 512,
  tokenTypes: 2,
  layerNormEps: 1e-12,
  initializerRange: 0.02,
  adapters: null,
  prefixes: null,
  ...size,
});
