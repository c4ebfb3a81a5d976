import type { MethodName } from '../../contract/methods';
import { finetune } from './finetune';
import { knowledgeDistillation } from './kd';
import { metaDistillation } from './meta';
import type { Method, MethodSetting } from './method';
import { metaPseudoLabels } from './mpl';
import { scratch } from './scratch';

const makers: Readonly<Record<MethodName, (setting: MethodSetting) => Method>> = {
  scratch,
  kd: knowledgeDistillation,
  'meta-full': metaDistillation,
  'meta-lora': metaDistillation,
  mpl: metaPseudoLabels,
  'mpl-lora': metaPseudoLabels,
  finetune,
  'finetune-lora': finetune,
};

/**
 * The method of a run: how its training begins and what a step computes.
 *
 * @throws Error where the setting lacks a model the method needs.
 */
export function createMethod(name: MethodName, setting: MethodSetting): Method {
  return makers[name](setting);
}
