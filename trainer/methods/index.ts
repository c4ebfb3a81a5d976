import type { MethodName } from '../../contract/methods';
import { distilbert } from './distilbert';
import { dixtill } from './dixtill';
import { finetune } from './finetune';
import { knowledgeDistillation } from './kd';
import { metaDistillation } from './meta';
import type { Method, MethodSetting } from './method';
import { metaPseudoLabels } from './mpl';
import { patientDistillation } from './pkd';
import { scratch } from './scratch';
import { tinybert } from './tinybert';

const makers: Readonly<Record<MethodName, (setting: MethodSetting) => Method>> = {
  scratch,
  kd: knowledgeDistillation,
  pkd: patientDistillation,
  distilbert,
  tinybert,
  dixtill,
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

/** What a row of a method's hints stands for; absent: the method asks for none. */
export const hintRowsOf: Readonly<Partial<Record<MethodName, 'example' | 'word'>>> = {
  pkd: 'example',
  distilbert: 'example',
  tinybert: 'word',
  dixtill: 'word',
};
