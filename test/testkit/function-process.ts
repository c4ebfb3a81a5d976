import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A bundled function in a process of its own, as Lambda runs it: loaded once, then one event after the other. */
export interface FunctionProcess {
  /** From asking for the module to its handler being there, in milliseconds of the clock and of the processor. */
  init: { milliseconds: number; cpuMilliseconds: number };
  /** @throws Error that the handler threw */
  invoke(event: unknown): Promise<{ result: unknown; milliseconds: number }>;
  stop(): Promise<void>;
}

/** What the runtime does: import, report, and answer events with the time each took. */
const runtime = `
  const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
  const [clockBefore, cpuBefore] = [performance.now(), cpu()];
  const { handler } = await import(process.env.FUNCTION_MODULE);
  process.send({ milliseconds: performance.now() - clockBefore, cpuMilliseconds: cpu() - cpuBefore });
  const context = { getRemainingTimeInMillis: () => 60_000 };
  process.on('message', async (event) => {
    const begun = performance.now();
    const answer = await handler(event, context).then((result) => ({ result }), (error) => ({ failure: error.message }));
    process.send({ ...answer, milliseconds: performance.now() - begun });
  });
`;

type Answer = { result?: unknown; failure?: string; milliseconds: number };

/** @param folder as `npm run bundle` leaves it */
export async function startFunction(folder: string, environment: Record<string, string>): Promise<FunctionProcess> {
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', runtime], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { PATH: process.env.PATH, ...environment, FUNCTION_MODULE: pathToFileURL(join(folder, 'index.mjs')).href },
  });
  let complaints = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk}`.slice(-2000);
  });
  const gone = new Promise<never>((_, reject) =>
    child.once('exit', (code) => reject(new Error(`the function left with ${code}: ${complaints}`))),
  );
  gone.catch(() => {});
  const next = <T>() => Promise.race([gone, nextMessage<T>(child)]);
  const init = await next<FunctionProcess['init']>();
  return {
    init,
    async invoke(event) {
      const answer = next<Answer>();
      child.send(event as object);
      const { result, failure, milliseconds } = await answer;
      if (failure !== undefined) throw new Error(failure);
      return { result, milliseconds };
    },
    stop: async () => {
      child.kill();
      await gone.catch(() => {});
    },
  };
}

const nextMessage = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve) => child.once('message', (message) => resolve(message as T)));
