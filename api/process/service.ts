import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import express from 'express';
import type { PageConfig } from '../../contract/page';
import { createAccess } from '../access/authentication';
import { issuerOrigins } from '../access/issuer-origins';
import type { Services } from '../context/context';
import { isOfStack } from '../database/grants';
import { createApiSchema } from '../graphql/schema';
import { serveGraphqlHttp } from '../http/graphql-http';
import { serveGraphqlSocket } from '../http/graphql-socket';
import { createHttpServer } from '../http/http-server';
import { localPool } from '../launcher/local';
import { createRunner, type Runner } from '../launcher/runner';
import { dataPaths, lockDataDirectory } from '../shared/data-directory';
import { createRunChanges } from '../subscriptions/run-changes';
import { watchRuns } from '../subscriptions/watch-runs';
import { alone, type Team } from '../team/team';
import type { Settings } from './env';
import { openStores } from './stores';

/** The service on one machine, running. */
export interface Service {
  /** Where clients reach it: http://127.0.0.1:4000 */
  address: string;
  /** How it runs trainers, for a person. */
  runner: string;
  services: Services;
  http: Server;
  /** Stops taking requests, has trainers write checkpoints and leave, and lets go of the data directory. */
  close(): Promise<void>;
}

export type StartOutcome = { kind: 'started'; service: Service } | { kind: 'refused'; message: string };

/** Time between two looks at runs and their objects, should a hint be lost. */
const pollMilliseconds = 2_000;

/** Starts API, subscriptions and runner on one data directory. `refused`: something of the machine stands against it. */
export async function startService(settings: Settings, log: (line: string) => void): Promise<StartOutcome> {
  const lock = lockDataDirectory(settings.dataDirectory);
  if (lock.kind === 'refused') return lock;
  let runner: Runner | null = null;
  const wake = () => runner?.wake();
  const stopTrainers = () => {
    for (const { runId } of runner?.launcher.jobs() ?? []) runner?.launcher.stop(runId);
  };
  const stores = await openStores(settings, { lapsed: stopTrainers, died: wake, log });
  if (stores.kind === 'refused') {
    lock.release();
    return stores;
  }
  const { database, objects, team } = stores;
  if (settings.slots > 0 && (await isOfStack(database))) {
    await stores.close();
    lock.release();
    const message =
      'these records are those of a stack on AWS, where AWS Batch carries out the runs: start with --slots 0 to look at them, to create and to cancel';
    return { kind: 'refused', message };
  }
  const services: Services = {
    database,
    objects,
    changes: createRunChanges(),
    wake,
    prices: settings.prices,
    slots: settings.slots,
  };
  const stopWatching = team === alone ? () => {} : watchRuns(database, services.changes, log);
  runner = createLocalRunner(services, team, settings, log);
  const { launcher } = runner;
  const health = () => ({ status: 'ok', slots: launcher.slots() });
  const graphql = {
    schema: await createApiSchema(),
    services,
    access: createAccess(settings),
    introspection: settings.introspection,
  };

  const app = express();
  const http = createHttpServer(app);
  const page = { config: pageConfig(settings), issuerOrigins: issuerOrigins(settings.oidc?.issuer ?? null) };
  const served = await serveGraphqlHttp(app, http, { ...graphql, health, page });
  const socket = serveGraphqlSocket(http, graphql);
  const close = async () => {
    // Runner first: subscribers see their runs go back to waiting.
    await runner.close();
    await socket.close();
    await served.close();
    stopWatching();
    await stores.close();
    lock.release();
  };
  const refusal = await listen(http, settings);
  if (refusal !== null) {
    await close();
    return { kind: 'refused', message: refusal };
  }
  const { port } = http.address() as AddressInfo;
  const address = `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`;
  lock.describe(address);
  await runner.start();
  return { kind: 'started', service: { address, runner: launcher.description, services, http, close } };
}

/** The page finds everything at its own address; a server that went away is noticed within seconds. */
const pageConfig = ({ oidc, signIn }: Settings): PageConfig => ({
  api: '/graphql',
  socket: '/graphql',
  keepAliveSeconds: 12,
  issuer: oidc?.issuer ?? '',
  ...signIn,
});

function createLocalRunner(services: Services, team: Team, settings: Settings, log: (line: string) => void): Runner {
  const paths = dataPaths(settings.dataDirectory);
  const pool = {
    slots: settings.slots,
    gpus: settings.gpus,
    command: settings.trainerCommand ?? packagedTrainer(),
    objectsLocation: settings.objectsLocation,
    cacheDirectory: paths.cache,
    logsDirectory: paths.logs,
    environment: settings.environment,
    stopMilliseconds: settings.stopMilliseconds,
  };
  const options = {
    objectsLocation: settings.objectsLocation,
    stopMilliseconds: settings.stopMilliseconds,
    crashLimit: settings.crashLimit,
    stallMilliseconds: settings.stallMilliseconds,
    pollMilliseconds,
    log,
  };
  return createRunner(services, (events) => localPool(pool, events), options, team);
}

/** This Node.js with the trainer of this package; the service knows it by its path alone. */
function packagedTrainer(): [string, ...string[]] {
  const loader = pathToFileURL(require.resolve('tsx')).href;
  return [process.execPath, '--import', loader, join(__dirname, '..', '..', 'trainer', 'main.ts')];
}

/** null once it listens; else why it cannot. */
function listen(http: Server, { port, host }: Settings): Promise<string | null> {
  return new Promise((resolve) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      const what = `${host}:${port}`;
      if (error.code === 'EADDRINUSE') resolve(`${what} is in use by another program: give another port by --port`);
      else if (error.code === 'EACCES')
        resolve(`${what} may not be used by this user: give a port above 1023 by --port`);
      else resolve(`cannot listen on ${what}: ${error.message}`);
    });
    http.listen(port, host, () => resolve(null));
  });
}
