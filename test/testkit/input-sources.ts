import type { InputSources } from '../../trainer/sources/sources';

/** Sources that are kept in a folder; no storage is named. */
export const sourcesIn = (cacheDirectory: string): InputSources => ({
  cacheDirectory,
  s3: { endpoint: null, region: null },
});
