import { randomUUID } from 'node:crypto';
import type { Server, ServerResponse } from 'node:http';

/** How the server's process ends. Start it again after `brokenState`; the others need a person first. */
export const exitCodes = {
  /** It was asked to stop. */
  stopped: 0,
  /** It could not start, and said why; or a second signal ended it before its trainers had stopped. */
  failed: 1,
  /** A setting is wrong. */
  badSettings: 2,
  /** An error that nobody caught: what it left in memory is not known. EX_SOFTWARE of sysexits.h. */
  brokenState: 70,
} as const;

/** Time for the last answers to be sent. */
const answerMilliseconds = 200;

export interface LastResort {
  /** Has requests to this server answered with 500 when the process has to leave. */
  answersFor(http: Server): void;
}

/**
 * Logs an error that nobody caught, answers the open requests with 500, and ends the process with `brokenState`. Records
 * and objects are whole at every moment, so the next start goes on where this one was; going on here could serve or
 * store what is wrong. Rejected promises that nobody awaits count as well: Node.js raises them as uncaught exceptions.
 */
export function installLastResort(log: (line: string) => void): LastResort {
  const open = new Set<ServerResponse>();
  let leaving = false;
  process.on('uncaughtException', (error: unknown) => {
    if (leaving) return;
    leaving = true;
    const id = randomUUID();
    log(`fatal ${id}: ${error instanceof Error ? error.stack : String(error)}`);
    for (const response of open) answerFailure(response, id);
    setTimeout(() => process.exit(exitCodes.brokenState), answerMilliseconds);
  });
  // A reader of the log that is gone, as in `npm start | head`, is no reason to leave.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return {
    answersFor(http) {
      http.prependListener('request', (_request, response: ServerResponse) => {
        open.add(response);
        response.once('close', () => open.delete(response));
      });
    },
  };
}

function answerFailure(response: ServerResponse, id: string): void {
  // What was sent in part must not be taken for the whole.
  if (response.headersSent) return void response.destroy();
  const message = `internal error; the log of the service has more under ${id}`;
  const body = JSON.stringify({ errors: [{ message, extensions: { code: 'INTERNAL_SERVER_ERROR', id } }] });
  response.writeHead(500, { 'Content-Type': 'application/json; charset=utf-8', Connection: 'close' }).end(body);
}
