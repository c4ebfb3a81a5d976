import type { ObjectStore } from '../../contract/objects/object-store';
import type { EngineDescription } from '../engine/engine';

/** What loading the inputs of a run depends on besides its definition. */
export interface InputSetting {
  objects: ObjectStore;
  cacheDirectory: string;
  engine: EngineDescription;
  signal: AbortSignal;
  /** Told what is being done, for a person. */
  onPhase(phase: string): void;
}
