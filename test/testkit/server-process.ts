import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const repository = join(__dirname, '../..');

/** `npm start` as a process of its own. */
export interface ServerProcess {
  address: string;
  /** Everything it wrote. */
  output(): string;
  /** Resolves when it is gone, with its exit code or the signal. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** Sends a signal that ends nothing: SIGSTOP, SIGCONT. */
  signal(name: NodeJS.Signals): void;
}

export async function startServerProcess(
  dataDirectory: string,
  settings: Record<string, string> = {},
  environment: Record<string, string> = {},
) {
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const words = ['--import', 'tsx', 'api/process/server.ts', '--data', dataDirectory, '--port', '0', ...flags];
  const child = spawn(process.execPath, words, {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const gone = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  );
  const address = await addressOf(child, () => output);
  const server: ServerProcess = {
    address,
    output: () => output,
    signal: (name) => {
      child.kill(name);
    },
    end: (signal) => {
      child.kill(signal);
      return gone;
    },
  };
  return server;
}

/** The address is told when the server is ready. */
async function addressOf(child: ChildProcess, output: () => string): Promise<string> {
  for (;;) {
    const address = /Stillhouse at (\S+)/.exec(output())?.[1];
    if (address !== undefined) return address;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server did not start: ${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One operation over HTTP. @throws Error with the messages of its errors */
export async function request<T>(address: string, query: string, variables: object = {}, token?: string): Promise<T> {
  const response = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: { message: string }[] };
  if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '));
  return data;
}

/** A connection for subscriptions. */
export function connect(address: string, token?: string) {
  return createClient({
    url: `${address.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(token ? { connectionParams: { authorization: `Bearer ${token}` } } : {}),
  });
}
