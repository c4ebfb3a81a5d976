import type { ObjectStore } from '../../contract/objects/object-store';
import type { InputSources } from '../data/sources';
import type { EngineDescription } from '../engine/engine';

/** What loading the inputs of a run depends on besides its definition. */
export interface InputSetting extends InputSources {
  objects: ObjectStore;
  engine: EngineDescription;
  signal: AbortSignal;
  /** Told what is being done, for a person. */
  onPhase(phase: string): void;
}
