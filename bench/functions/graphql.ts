import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgres } from '../../api/database/postgres';
import { bundleFunctions } from '../../api/lambda/bundle';
import { bundleFolder } from '../../contract/aws';
import { startFunction } from '../../test/testkit/function-process';
import { httpEvent } from '../../test/testkit/lambda-events';
import { startTokenIssuer } from '../../test/testkit/token-issuer';

const starts = 7;
const warmUps = 50;
const requests = 500;

/** What a dashboard asks for; experiments and runs, as many as the database has, up to 20 of each. */
const page = `query { viewer { name role } experiments(first: 20) { nodes { id name state } }
  runs(first: 20) { totalCount nodes { id variant seed state progress { step totalSteps } metrics(names: ["test/accuracy"]) { last best } } } }`;

/** Prints the sizes of the functions' bundles and, on a PostgreSQL database, how the GraphQL function starts and answers. */
export async function measureGraphqlFunction(databaseUrl: string | undefined): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  const sizes = await bundleFunctions(root);
  const shown = [...sizes].map(([name, bytes]) => `${name} ${(bytes / 1e6).toFixed(2)}`);
  console.log(`\nfunctions, MB of the bundle: ${shown.join(', ')}; to be under 2`);
  if (databaseUrl === undefined) console.log('the GraphQL function is not started: no --database-url of a PostgreSQL');
  else await measureWarm(join(root, bundleFolder('graphql')), databaseUrl);
  rmSync(root, { recursive: true });
}

/** Every request with a token whose signature is verified, and against the real database. */
async function measureWarm(folder: string, databaseUrl: string): Promise<void> {
  const records = await openPostgres(databaseUrl, { connections: 1, migrate: true });
  if (records.kind === 'refused') throw new Error(records.message);
  await records.database.destroy();
  const issuer = await startTokenIssuer();
  const environment = {
    AWS_REGION: 'eu-central-1',
    STILLHOUSE_BUCKET: 'objects',
    STILLHOUSE_DATABASE_HOST: databaseUrl,
    STILLHOUSE_DATABASE_USER: 'stillhouse',
    STILLHOUSE_RECONCILE_QUEUE_URL: 'http://127.0.0.1:1/reconcile',
    STILLHOUSE_LIVE_UPDATES_QUEUE_URL: 'http://127.0.0.1:1/live',
    STILLHOUSE_OIDC_ISSUER: issuer.address,
    STILLHOUSE_OIDC_AUDIENCE: 'stillhouse',
  };
  const inits: { milliseconds: number; cpuMilliseconds: number }[] = [];
  for (let k = 1; k < starts; k += 1) {
    const started = await startFunction(folder, environment);
    inits.push(started.init);
    await started.stop();
  }
  const graphql = await startFunction(folder, environment);
  inits.push(graphql.init);
  const headers = { authorization: `Bearer ${issuer.token()}` };
  const event = httpEvent({ headers, body: JSON.stringify({ query: page }) });
  const times: number[] = [];
  const first = await graphql.invoke(event);
  for (let k = 0; k < warmUps + requests; k += 1) {
    const { result, milliseconds } = await graphql.invoke(event);
    if (JSON.parse((result as { body: string }).body).errors) throw new Error((result as { body: string }).body);
    if (k >= warmUps) times.push(milliseconds);
  }
  await graphql.stop();
  await issuer.close();
  const least = (key: 'milliseconds' | 'cpuMilliseconds') => Math.min(...inits.map((init) => init[key])).toFixed(0);
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * times.length)]!.toFixed(1);
  console.log(
    `  init ${least('milliseconds')} ms (${least('cpuMilliseconds')} of the processor), least of ${starts} starts`,
  );
  console.log(
    `  first request ${first.milliseconds.toFixed(0)} ms; warm p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${requests} times)`,
  );
}
