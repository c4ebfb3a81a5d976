import type { Parameters } from '../../../contract/parameters';
import { writeSafetensors } from '../../checkpoint/safetensors';
import type { Weights } from '../../numeric/weights';
import type { Model, PeftSupport } from '../model';
import { isLoraName } from './lora';

export const peftAdapterFiles = ['adapter_config.json', 'adapter_model.safetensors'] as const;

/**
 * LoRA and DoRA weights as the files of an adapter that the Python library peft (0.10 and later) loads onto the base
 * model, together with the head: the base may have none, or another.
 *
 * @param weights all of the model, not merged
 * @param base location of the base model: a folder, or a name on the hub
 */
export async function peftAdapter(
  { head, nameInFile }: Pick<Model, 'head'> & Pick<PeftSupport, 'nameInFile'>,
  weights: Weights,
  parameters: Parameters,
  base: string,
): Promise<Record<(typeof peftAdapterFiles)[number], Uint8Array>> {
  const names = Object.keys(weights);
  const matrices = names.filter((name) => name.endsWith('.lora_A')).map((name) => name.slice(0, -'.lora_A'.length));
  const config = {
    peft_type: 'LORA',
    task_type: 'SEQ_CLS',
    base_model_name_or_path: base,
    inference_mode: true,
    r: parameters.loraRank,
    lora_alpha: parameters.loraAlpha,
    use_rslora: parameters.loraRankStabilised,
    use_dora: parameters.peft === 'dora',
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    // Whole names: "output.dense" alone would mean that of attention as well.
    target_modules: matrices.map(nameInFile),
    modules_to_save: head,
  };
  const tensors: Record<string, { shape: readonly number[]; values: Float32Array }> = {};
  for (const name of names) {
    if (!isLoraName(name) && !head.some((module) => name.startsWith(`${module}.`))) continue;
    const { shape } = weights[name]!;
    tensors[peftName(nameInFile(name))] = { shape, values: (await weights[name]!.data<'float32'>()) as Float32Array };
  }
  return {
    'adapter_config.json': new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`),
    'adapter_model.safetensors': writeSafetensors(tensors, { format: 'pt' }),
  };
}

function peftName(nameInFile: string): string {
  const stored = nameInFile
    .replace(/\.lora_magnitude$/, '.lora_magnitude_vector')
    .replace(/\.(lora_[AB])$/, '.$1.weight');
  return `base_model.model.${stored}`;
}
