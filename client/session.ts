import { runUntilOver } from './follow';
import { type Api, ApiError, connect } from './graphql';
import type { ReadOptions } from './options';
import { type ServerOptions, ServerRefused, serverOfRecords, startServer } from './server';
import { AccessRefused } from './subscription';

export interface SessionOptions extends ServerOptions {
  /** Where a given server asks for one. */
  token?: string | undefined;
  /** Stop the server at the end instead of leaving it until Ctrl-C. */
  exit: boolean;
}

/** Something to be done on a server of its own or a given one. @returns the exit code */
export async function withServer(
  options: Omit<SessionOptions, 'exit'>,
  work: (api: Api, address: string) => Promise<number>,
): Promise<number> {
  const server = await startServer(options);
  console.log(`server: ${server.address}\n`);
  const api = connect(server.address, options.token);
  try {
    return await Promise.race([work(api, server.address), server.ended]);
  } finally {
    await api.close();
    await server.stop();
  }
}

/** Something to be read from stored records, on whichever server has them. @returns the exit code */
export async function withRecords(
  options: { server?: string | undefined; token?: string | undefined; 'data-directory': string },
  work: (api: Api) => Promise<number>,
): Promise<number> {
  const server = await serverOfRecords(options);
  const api = connect(server.address, options.token);
  try {
    return await work(api);
  } finally {
    await api.close();
    await server.stop();
  }
}

/**
 * One experiment from its launch to its tables, on a server of its own or a given one.
 * @param launch the id of the launched experiment; null where there is none, which was told
 * @returns the exit code: 0 where every run succeeded
 */
export function carryOut(
  options: SessionOptions,
  launch: (api: Api) => Promise<string | null>,
  print: (api: Api, experimentId: string) => Promise<void>,
): Promise<number> {
  return withServer(options, async (api, address) => {
    const experimentId = await launch(api);
    if (experimentId === null) return 1;
    const runs = await runUntilOver(api, experimentId);
    const failed = runs.filter(({ state }) => state !== 'SUCCEEDED');
    for (const run of failed)
      console.error(`${run.variant} seed ${run.seed}: ${run.state}. ${run.failure?.message ?? ''}`);
    await print(api, experimentId);
    if (await hasPage(address))
      console.log(`\nThe experiment in the dashboard: ${new URL(`/#/experiments/${experimentId}`, address)}`);
    if (!options.exit) await untilInterrupted(options);
    else if (options.server === undefined)
      console.log(`The server stops now; npm start -- --data ${options['data-directory']} brings it back.`);
    return failed.length === 0 ? 0 : 1;
  });
}

/** Whether the dashboard is at the address too: the HTTP API of AWS has none. */
const hasPage = (address: string): Promise<boolean> =>
  fetch(new URL('/config.json', address)).then(
    ({ ok }) => ok,
    () => false,
  );

function untilInterrupted({ server }: SessionOptions): Promise<void> {
  console.log(server === undefined ? 'The server goes on until Ctrl-C.' : 'Ctrl-C ends this.');
  return new Promise((resolve) => process.once('SIGINT', resolve));
}

/** The main of a command: options read, carried out, exit code. @param isExpected errors whose message says it all */
export function command<T>(
  read: ReadOptions<T>,
  run: (options: T) => Promise<number>,
  isExpected: (error: unknown) => error is Error,
): void {
  if (read.kind === 'help') {
    (read.exitCode === 0 ? console.log : console.error)(read.text);
    process.exit(read.exitCode);
  }
  run(read.options)
    .catch((error) => {
      // The file system and the network name what they refuse, and why.
      const isOfSystem = error?.syscall !== undefined;
      const isTold =
        [ServerRefused, ApiError, AccessRefused].some((kind) => error instanceof kind) ||
        isOfSystem ||
        isExpected(error);
      console.error(isTold ? error.message : error);
      return 1;
    })
    .then((exitCode) => process.exit(exitCode));
}
