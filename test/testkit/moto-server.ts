import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';

/** A process that answers like AWS: S3, Batch, API Gateway, ... Its state is its own and goes with it. */
export interface MotoServer {
  /** Where it listens: http://127.0.0.1:5000 */
  endpoint: string;
  /** Environment for processes that talk to it; any credentials do. */
  environment: Record<string, string>;
  /** Makes an empty bucket and gives its name. */
  createBucket(): Promise<string>;
  stop(): Promise<void>;
}

/** Names `moto_server`, or a Python that has moto; without it `moto_server` is looked for on PATH. */
const variable = 'STILLHOUSE_TEST_MOTO';

/** The words that start moto; null where it is not installed. */
export function findMoto(): [string, ...string[]] | null {
  const program = process.env[variable] || 'moto_server';
  const command: [string, ...string[]] = basename(program).startsWith('python')
    ? [program, '-m', 'moto.server']
    : [program];
  const [name, ...words] = command;
  return spawnSync(name, [...words, '--help'], { timeout: 60_000 }).status === 0 ? command : null;
}

/**
 * Tests that need AWS: skipped, with the reason in their name, where moto is not installed. One server serves the block.
 */
export function describeWithMoto(name: string, tests: (moto: () => MotoServer) => void): void {
  const command = findMoto();
  if (command === null) {
    const skipped = `${name} (skipped: no moto; \`pip install "moto[server]"\`, or set ${variable})`;
    describe.skip(skipped, () => tests(() => Object.create(null)));
    return;
  }
  describe(name, () => {
    let moto: MotoServer;
    beforeAll(async () => {
      Object.assign(process.env, motoEnvironment);
      moto = await startMoto(command);
    });
    afterAll(() => moto?.stop());
    tests(() => moto);
  });
}

/** Credentials and region that moto takes. */
export const motoEnvironment = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
} as const;

/** @throws Error with what moto wrote, where it does not start */
export async function startMoto([program, ...words]: [string, ...string[]]): Promise<MotoServer> {
  const child = spawn(program, [...words, '--host', '127.0.0.1', '--port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PYTHONUNBUFFERED: '1', PYTHONPATH: join(__dirname, 'moto') },
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const endpoint = await endpointOf(child);
  let buckets = 0;
  return {
    endpoint,
    environment: { ...motoEnvironment, AWS_ENDPOINT_URL: endpoint },
    createBucket: async () => {
      const bucket = `bucket-${++buckets}`;
      const response = await fetch(`${endpoint}/${bucket}`, { method: 'PUT' });
      if (!response.ok) throw new Error(`moto did not make a bucket: ${await response.text()}`);
      return bucket;
    },
    stop: () => {
      child.kill();
      return gone;
    },
  };
}

/** moto tells its address when it listens, and logs every request behind that, which is read and dropped. */
function endpointOf(child: ChildProcess): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    child.stderr!.on('data', (chunk: Buffer) => {
      if (output.length < 100_000) output += chunk;
      const address = /Running on (http:\S+)/.exec(output)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once('exit', () => reject(new Error(`moto did not start: ${output}`)));
    child.once('error', reject);
  });
}
