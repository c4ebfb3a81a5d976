import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** A program of the benchmark in a process of its own: it does what it is asked, one thing after the other. */
export interface Child {
  ask<Answer>(request: object): Promise<Answer>;
  /** Seconds of processor time since its start, user and system. */
  cpuSeconds(): Promise<number>;
  end(): void;
}

type Reply = { answer: unknown } | { failure: string };

/** Starts a file of this folder that calls `serveRequests`. */
export function startChild(file: string): Child {
  const loader = pathToFileURL(createRequire(__filename).resolve('tsx')).href;
  const profile =
    process.env.BENCH_CPU_PROFILE === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_CPU_PROFILE}`];
  const child = fork(file, {
    execArgv: ['--import', loader, ...profile],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const ask = <Answer>(request: object) =>
    new Promise<Answer>((resolve, reject) => {
      const exited = () => reject(new Error(`${file} ended`));
      child.once('exit', exited);
      child.once('message', (reply: Reply) => {
        child.off('exit', exited);
        if ('failure' in reply) reject(new Error(reply.failure));
        else resolve(reply.answer as Answer);
      });
      child.send(request);
    });
  return {
    ask,
    cpuSeconds: () => ask<number>({ kind: 'cpu' }),
    end: () => child.disconnect(),
  };
}

/** Answers what the parent asks, by the kind of its requests, and leaves when the parent does. */
export function serveRequests(handlers: Record<string, (request: never) => Promise<unknown> | unknown>): void {
  process.on('message', async (request: { kind: string }) => {
    try {
      process.send!({ answer: (await answerTo(request, handlers)) ?? null });
    } catch (error) {
      process.send!({ failure: (error as Error).stack });
    }
  });
  process.on('disconnect', () => process.exit(0));
}

function answerTo(request: { kind: string }, handlers: Parameters<typeof serveRequests>[0]): unknown {
  if (request.kind !== 'cpu') return handlers[request.kind]!(request as never);
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
