import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { exitCodes } from '../../../api/process/last-resort';

/** A server that throws beside its requests: /throw from a timer, /reject in a promise, /part in the middle of an answer. */
const program = `
  const { createServer } = require('node:http');
  const { installLastResort } = require('./api/process/last-resort');
  const lastResort = installLastResort((line) => console.error(line));
  const http = createServer((request, response) => {
    if (request.url === '/part') response.write('half');
    if (request.url === '/reject') void Promise.reject(new Error('nobody awaits this'));
    else if (request.url !== '/wait') setTimeout(() => { throw new Error('nobody catches this'); }, 20);
  });
  lastResort.answersFor(http);
  http.listen(0, '127.0.0.1', () => console.log(http.address().port));
`;

async function startBroken() {
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', program], { cwd: join(__dirname, '../../..') });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const port = await new Promise<string>((resolve) => child.stdout.once('data', (chunk) => resolve(String(chunk))));
  return { address: `http://127.0.0.1:${port.trim()}`, code, log: () => log };
}

describe('an error that nobody catches', () => {
  it.each(['/throw', '/reject'])(
    '%s: is logged, open requests get 500, and the process exits with 70',
    async (path) => {
      const { address, code, log } = await startBroken();
      const waiting = fetch(`${address}/wait`);
      const answers = await Promise.all([waiting, fetch(`${address}${path}`)]);
      for (const answer of answers) {
        expect(answer.status).toBe(500);
        const { errors } = (await answer.json()) as { errors: { message: string; extensions: object }[] };
        expect(errors[0]).toMatchObject({ extensions: { code: 'INTERNAL_SERVER_ERROR' } });
        expect(errors[0]!.message).not.toContain('nobody');
      }
      expect(await code).toBe(exitCodes.brokenState);
      expect(exitCodes.brokenState).toBe(70);
      expect(log()).toMatch(/^fatal [-0-9a-f]{36}: Error: nobody .* this\n\s+at /m);
    },
  );

  it('cuts an answer that was sent in part, which would pass for the whole', async () => {
    const { address, code } = await startBroken();
    const answer = await fetch(`${address}/part`);
    await expect(answer.text()).rejects.toThrow();
    expect(await code).toBe(exitCodes.brokenState);
  });
});
