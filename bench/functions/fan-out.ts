import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { openPostgres } from '../../api/database/postgres';
import { openSqlite } from '../../api/database/sqlite';
import type { Tables } from '../../api/database/tables';
import { newRun } from '../../api/definition/new-run';
import { createApiSchema } from '../../api/graphql/schema';
import { apiGatewayConnections } from '../../api/lambda/connections';
import { createLiveUpdatesHandler } from '../../api/lambda/live-updates';
import { noteConnection, operationId } from '../../api/subscriptions/connection.store';
import { topicName } from '../../api/subscriptions/run-changes';
import { metricsKey } from '../../contract/keys';
import { directoryObjectStore } from '../../contract/objects/directory';
import { parseRunSpec } from '../../contract/run-spec';
import { s3Message, sqsEvent } from '../../test/testkit/lambda-events';
import { stepRecord, writeAttempt, writeChunk } from '../../test/testkit/written-run';

const connections = 1000;
const rounds = 5;
/** API Gateway answers a post in about so long, from within its region. */
const answerMilliseconds = 10;
const runId = 'followed';
const query = `subscription ($runId: ID!) { metricsLogged(runId: $runId) {
  cursor runId attempt resumedFromStep records { step epoch elapsedSeconds scope values { name value } } } }`;

/** Prints what it takes to send one metrics object to many clients, who are a server here that speaks `@connections`. */
export async function measureFanOut(databaseUrl: string | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  console.log(
    `\nfan-out of one metrics object to ${connections} connections, each post answered after ${answerMilliseconds} ms`,
  );
  await measureOn('SQLite', await openSqlite(join(folder, 'records.sqlite')), folder);
  if (databaseUrl !== undefined) {
    const records = await openPostgres(databaseUrl, { connections: 2, migrate: true });
    if (records.kind === 'refused') throw new Error(records.message);
    await measureOn('PostgreSQL', records.database, folder);
  }
  rmSync(folder, { recursive: true });
}

async function measureOn(engine: string, database: Kysely<Tables>, folder: string): Promise<void> {
  let posts = 0;
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    posts += 1;
    await sleep(answerMilliseconds);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench' });
  const connectionsEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/live`;
  const objects = directoryObjectStore(join(folder, engine));
  const handler = createLiveUpdatesHandler({
    schema: await createApiSchema(),
    introspection: true,
    stores: { database, objects },
    hints: { wake: async () => {}, announce: async () => {} },
    connections: apiGatewayConnections({ connectionsEndpoint, region: 'eu-central-1' }),
  });
  await storeFollowers(database);
  await writeAttempt(objects, runId, 1, null);
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const records = Array.from({ length: 10 }, (_, k) =>
      stepRecord(round * 10 + k, { 'train/loss': k, 'train/accuracy': k }),
    );
    await writeChunk(objects, runId, 1, round, records);
    const event = sqsEvent([s3Message(metricsKey(runId, 1, round))]);
    const begun = performance.now();
    const { batchItemFailures } = await handler(event, { getRemainingTimeInMillis: () => 60_000 });
    times.push(performance.now() - begun);
    if (batchItemFailures.length > 0) throw new Error('messages did not come through');
  }
  server.closeAllConnections();
  server.close();
  await database.destroy();
  const sorted = times.sort((a, b) => a - b);
  console.log(
    `  ${engine}: ${posts / rounds} calls, median ${sorted[rounds >> 1]!.toFixed(0)} ms, least ${sorted[0]!.toFixed(0)} ms (${rounds} times)`,
  );
}

/** A run, and clients that have just begun to follow it. */
async function storeFollowers(database: Kysely<Tables>): Promise<void> {
  const spec = parseRunSpec({ runId, method: 'scratch', data: { train: '/nowhere', test: '/nowhere' } });
  if (spec.kind === 'invalid') throw new Error(JSON.stringify(spec.problems));
  const now = new Date().toISOString();
  const run = newRun(spec.value, { experimentId: 'bench', position: 0, createdAt: now, changedAt: now });
  for (const table of ['connection', 'connection_operation', 'ingest', 'summary_metric', 'attempt'] as const)
    await database.deleteFrom(table).execute();
  await database.deleteFrom('run').where('id', '=', runId).execute();
  await database
    .insertInto('run')
    .values({ ...run, state: 'RUNNING', attempt: 1 })
    .execute();
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  for (let k = 0; k < connections; k += 1) {
    const id = `connection-${k}`;
    await noteConnection(database, { id, viewer_name: 'ann', viewer_role: 'viewer', acknowledged: 1, expires_at });
    await database
      .insertInto('connection_operation')
      .values({
        id: operationId(id, '1'),
        connection_id: id,
        client_id: '1',
        topic: topicName({ runId }),
        query,
        operation_name: null,
        variables: JSON.stringify({ runId }),
        position: null,
      })
      .execute();
  }
}
