import { join } from 'node:path';
import { noPrices } from '../../api/cost/prices';
import type { Settings } from '../../api/process/env';
import { scriptedTrainer } from './test-runner';

/** Settings of a service of its own, on a free port, with a trainer that trains nothing. */
export const serviceSettings = (folder: string, given: Partial<Settings> = {}): Settings => ({
  port: 0,
  host: '127.0.0.1',
  dataDirectory: join(folder, 'data'),
  databaseUrl: null,
  objectsLocation: join(folder, 'data/objects'),
  s3: { endpoint: null, region: null },
  slots: 1,
  gpus: [],
  tokens: [],
  prices: noPrices,
  oidc: null,
  signIn: { clientId: '', scopes: 'openid profile email', parameters: '' },
  introspection: true,
  crashLimit: 2,
  stallMilliseconds: 60_000,
  stopMilliseconds: 500,
  leaseMilliseconds: 60_000,
  trainerCommand: [process.execPath, scriptedTrainer],
  environment: process.env,
  ...given,
});
