import type { ObjectStore } from '../../contract/objects/object-store';
import type { EngineDescription } from '../engine/engine';
import type { InputSources } from '../sources/sources';

/** What loading the inputs of a run depends on besides its definition. */
export interface InputSetting extends InputSources {
  objects: ObjectStore;
  engine: EngineDescription;
  signal: AbortSignal;
  /** Told what is being done, for a person. */
  onPhase(phase: string): void;
}
