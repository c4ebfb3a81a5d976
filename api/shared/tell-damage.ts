import { LRUCache } from 'lru-cache';
import type { DamagedObjectError } from '../../contract/objects/damaged-object';

/** Messages already logged. When the cache is full, the oldest can be logged again. */
const told = new LRUCache<string, true>({ max: 10_000 });

/** Logs a damaged object the first time it is met in this process, and not with every request that meets it. */
export function tellDamage({ message }: DamagedObjectError, log: (line: string) => void = console.error): void {
  if (told.has(message)) return;
  told.set(message, true);
  log(message);
}
