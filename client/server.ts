import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

export interface ServerOptions {
  /** Address of a server that is there already. */
  server?: string | undefined;
  'data-directory': string;
  port: number;
  slots: number;
}

export interface RunningServer {
  address: string;
  /** Rejects with `ServerRefused` when a server that was started here ends before it is stopped. */
  ended: Promise<never>;
  /** Ends the server and waits for it; one that was already there is left alone. */
  stop(): Promise<void>;
}

/** A server that was to be started did not, or did not stay; the message holds what it said. */
export class ServerRefused extends Error {}

const startTimeoutMilliseconds = 60_000;
const pollMilliseconds = 100;

/** The server of `--server`, or a new one on a data directory of its own. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  if (options.server !== undefined)
    return { address: options.server, ended: new Promise(() => {}), stop: async () => {} };
  const port = await freePort(options.port);
  const child = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', join(__dirname, '../api/process/server.ts'), '--port', String(port)],
      ...['--data', options['data-directory'], '--slots', String(options.slots)],
    ],
    { cwd: join(__dirname, '..'), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const complaint = collect(child);
  const gone = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  );
  stopAlong(child);
  const address = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + startTimeoutMilliseconds;
  while (!(await answers(address))) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new ServerRefused(`the server did not start:\n${complaint()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMilliseconds));
  }
  const ended = gone.then((reason): never => {
    const bringsBack = `npm start -- --data ${options['data-directory']} starts it again, and its runs go on`;
    throw new ServerRefused(`the server has ended (${reason}): ${bringsBack}\n${complaint()}`);
  });
  // Who waits for something of the server looks at it; at the end nobody does.
  ended.catch(() => {});
  return {
    address,
    ended,
    async stop() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** A command that is told to stop tells the server that it started; Ctrl-C reaches both without that. */
function stopAlong(child: ChildProcess): void {
  process.once('SIGTERM', () => {
    child.kill('SIGTERM');
    process.exit(143);
  });
}

/** The given server, the one that runs on the data directory, or one of its own that carries out no runs. */
export async function serverOfRecords(options: {
  server?: string | undefined;
  'data-directory': string;
}): Promise<RunningServer> {
  const { server, 'data-directory': dataDirectory } = options;
  const running = server ?? (await findServer(dataDirectory));
  if (running === null && !existsSync(dataDirectory))
    throw new ServerRefused(
      `--data-directory: there is no ${dataDirectory}; give that of the experiment, or its --server`,
    );
  return startServer({ server: running ?? undefined, 'data-directory': dataDirectory, port: 0, slots: 0 });
}

/** The address of the server that runs on a data directory; null where none does. */
async function findServer(dataDirectory: string): Promise<string | null> {
  // Written by the server while it holds the directory.
  const holder = await readFile(join(dataDirectory, 'server.json'), 'utf8').catch(() => null);
  const address: string | undefined = holder === null ? undefined : JSON.parse(holder).address;
  return address !== undefined && (await answers(address)) ? address : null;
}

function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-4000);
  });
  return () => text.trim();
}

async function answers(address: string): Promise<boolean> {
  return fetch(new URL('/health', address)).then(
    (response) => response.ok,
    () => false,
  );
}

/** `wanted` if nobody listens there, else one the system picks. */
function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer((socket) => socket.destroy());
    probe.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' && wanted !== 0 ? resolve(freePort(0)) : reject(error),
    );
    probe.listen(wanted, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
