import type { Kysely } from 'kysely';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { Viewer } from '../access/viewer';
import type { PriceSettings } from '../cost/prices';
import type { Tables } from '../database/tables';
import type { RunChanges } from '../subscriptions/run-changes';

/** What every resolver and service works with; built once at start. */
export interface Services {
  database: Kysely<Tables>;
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
  /** Where a stored subscription goes on: the cursor of the last event that was sent, which its `after` is behind of. */
  position?: string | null;
}
