import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import 'reflect-metadata';
import { createAccess } from '../../api/access/authentication';
import { openSqlite } from '../../api/database/sqlite';
import { createApiSchema } from '../../api/graphql/schema';
import { serveGraphqlHttp } from '../../api/http/graphql-http';
import { serveGraphqlSocket } from '../../api/http/graphql-socket';
import { createRunChanges } from '../../api/subscriptions/run-changes';
import { directoryObjectStore } from '../../contract/objects/directory';
import { insertExperiment, insertRun } from '../../test/testkit/api-services';
import { writeAttempt, writeChunk } from '../../test/testkit/written-run';
import { storeManyRuns } from '../records/many-runs';
import { serveRequests } from './child';
import { storeHeavyRuns } from './heavy';
import { chunkRecords, type FollowedRun, followedRuns } from './operations';

/** This service as `npm start` serves it, on SQLite with many runs, without the runner. */
async function start(runs: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  const database = await openSqlite(join(folder, 'records.sqlite'));
  const services = {
    database,
    objects: directoryObjectStore(join(folder, 'objects')),
    changes: createRunChanges(),
    wake: () => {},
  };
  await storeManyRuns(database, runs);
  await insertExperiment(services);
  for (const run of Object.values(followedRuns)) {
    await insertRun(services, run, { state: 'RUNNING', attempt: 1 });
    await writeAttempt(services.objects, run, 1, null);
  }
  const access = createAccess({ tokens: [], oidc: null });
  const options = { schema: await createApiSchema(), services, access, introspection: true };
  // The page is not measured.
  const config = { api: '', socket: '', keepAliveSeconds: 10, issuer: '', clientId: '', scopes: '', parameters: '' };
  const page = { config, issuerOrigins: async () => [] };
  const app = express();
  const http = createServer(app);
  await serveGraphqlHttp(app, http, {
    ...options,
    health: () => ({}),
    page,
  });
  serveGraphqlSocket(http, options);
  storeHeavy = () => storeHeavyRuns(services);
  const sequences = { closely: 0, widely: 0 };
  publish = async (run) => {
    const sequence = sequences[run]++;
    await writeChunk(services.objects, run, 1, sequence, chunkRecords(sequence));
    services.changes.metricsWritten(run);
  };
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return (http.address() as AddressInfo).port;
}

let storeHeavy = async (): Promise<void> => {};
let publish = async (_run: FollowedRun): Promise<void> => {};

/** Watches the event loop. @returns the longest turn since the last call, in milliseconds of processor time */
let takeLongestTurn = (): number => {
  let longest = 0;
  let before = process.cpuUsage();
  setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    longest = Math.max(longest, (user + system) / 1000);
  }, 1);
  takeLongestTurn = () => {
    const taken = longest;
    longest = 0;
    return taken;
  };
  return 0;
};

serveRequests({
  start: ({ runs }: { runs: number }) => start(runs),
  storeHeavy: () => storeHeavy(),
  longestTurn: () => takeLongestTurn(),
  publish: ({ run }: { run: FollowedRun }) => publish(run),
});
