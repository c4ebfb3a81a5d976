import type { ObjectStore } from '../../contract/objects/object-store';
import type { Database } from '../database/database';
import type { Viewer } from '../shared/viewer';

/**
 * Announces changes of records and objects. An announcement is a hint: listeners read the change itself from where it is
 * kept, so that a lost or repeated hint loses or repeats nothing.
 */
export interface RunChanges {
  /** A run's row changed and is committed. */
  runChanged(experimentId: string, runId: string): void;
  /** A chunk of metrics of a run is stored. */
  metricsWritten(runId: string): void;
  /** Calls back on every hint about the topic until the returned function is called; null: the process cannot wait. */
  listen(topic: ChangeTopic, listener: () => void): (() => void) | null;
  /**
   * Number of the newest hint about a topic. While it stays the same, nothing was announced. null: nobody listens to the
   * topic, so hints about it are not counted.
   */
  newestHint(topic: ChangeTopic): number | null;
  /** How many listen, to all topics. */
  listeners(): number;
}

export type ChangeTopic = { experimentId: string } | { runId: string };

/** Prices that were set for this service. */
export interface PriceSettings {
  /** USD per hour of a machine without a known type, such as this one; null: runs on it have no price. */
  perHour: number | null;
  /** USD per hour by instance type (`g5.xlarge`), or by type and capacity (`g5.xlarge:spot`). */
  machines: ReadonlyMap<string, number>;
  /** Region of the machines; missing: not known. */
  region?: string;
}

/** What every resolver and service works with; built once at start. */
export interface Services {
  database: Database;
  objects: ObjectStore;
  /** Announces a changed run to whoever subscribed. */
  changes: RunChanges;
  /** Tells the dispatcher that there may be work; never waits. */
  wake(): void;
  /** Prices that were set for this service; without any, list prices alone. */
  prices?: PriceSettings;
  /**
   * Buckets of which the machines of runs may read; missing where they share this one's files. Where it is there, inputs
   * must lie in one of them.
   */
  readableBuckets?: readonly string[];
  /** Region in which the machines of runs are started; missing where they are not started by this service. */
  region?: string;
  /** Runs that it carries out at a time; missing where that is not for it to say, as on AWS. */
  slots?: number;
  /** Address of the WebSocket API; missing where the address of the API answers subscriptions too. */
  subscriptionsUrl?: string;
}

/** The context of a GraphQL operation. */
export interface ApiContext {
  services: Services;
  viewer: Viewer;
  /** Resume point of a stored subscription: the cursor of the last delivered event. Takes precedence over `after`. */
  position?: string | null;
}
