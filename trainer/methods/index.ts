import type { TrainingMethodName } from '../../contract/methods';
import { distilbert } from './distilbert';
import { dixtill } from './dixtill';
import { kd } from './kd';
import { metaDistillation } from './meta';
import type { Method, MethodDefinition, MethodSetting } from './method';
import { metaPseudoLabels } from './mpl';
import { patientDistillation } from './pkd';
import { finetune, scratch } from './supervised';
import { tinybert } from './tinybert';

/** The methods by name; `contract/methods.ts` describes each for users. */
export const methodDefinitions: Readonly<Record<TrainingMethodName, MethodDefinition>> = {
  scratch,
  kd,
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

/** The method of a run. @throws Error if the setting lacks a model the method needs */
export const createMethod = (name: TrainingMethodName, setting: MethodSetting): Method =>
  methodDefinitions[name].create(setting);
