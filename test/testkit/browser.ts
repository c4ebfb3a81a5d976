import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { eventually } from './test-runner';

/** A page in Chromium without a window, by its DevTools protocol. */
export interface Page {
  /** The value of an expression of the page. @throws Error with what the page threw */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true. */
  until(expression: string): Promise<void>;
}

const variable = 'STILLHOUSE_TEST_CHROMIUM';

const findChromium = (): string | null =>
  [process.env[variable], 'chromium', 'chromium-browser', 'google-chrome'].find(
    (program) => program && spawnSync(program, ['--version'], { timeout: 60_000 }).status === 0,
  ) ?? null;

/**
 * Tests of pages: skipped, with the reason in their name, where there is no Chromium. `open` gives a page, which is gone
 * after the test.
 */
export function describeWithBrowser(name: string, tests: (open: (address: string) => Promise<Page>) => void): void {
  const program = findChromium();
  if (program === null) {
    describe.skip(`${name} (skipped: no chromium; install it, or set ${variable})`, () => tests(async () => null!));
    return;
  }
  describe(name, () => {
    const folder = mkdtempSync(join(tmpdir(), 'stillhouse-browser-'));
    const closing: (() => void)[] = [];
    let browser: ChildProcess;
    let written = '';
    beforeAll(async () => {
      const words = ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0'];
      browser = spawn(program, [...words, `--user-data-dir=${folder}`, 'about:blank'], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      browser.stderr!.on('data', (chunk: Buffer) => {
        written += chunk.toString();
      });
      await eventually('Chromium listens', async () => /DevTools listening/.test(written));
    });
    afterEach(() => {
      for (const close of closing.splice(0)) close();
    });
    afterAll(async () => {
      // Not `exit`: its helping processes write to the folder too, and hold its output open until the last has gone.
      const gone = new Promise((resolve) => browser.once('close', resolve));
      browser.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    });
    tests(async (address) => {
      const port = /127\.0\.0\.1:(\d+)/.exec(written)![1];
      const made = await fetch(`http://127.0.0.1:${port}/json/new?${encodeURIComponent(address)}`, { method: 'PUT' });
      const { page, close } = await connectPage((await made.json()).webSocketDebuggerUrl);
      closing.push(close);
      return page;
    });
  });
}

interface Answer {
  id: number;
  result: { result: { value: unknown }; exceptionDetails?: { exception?: { description?: string } } };
}

async function connectPage(address: string): Promise<{ page: Page; close(): void }> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, (answer: Answer['result']) => void>();
  socket.on('message', (data) => {
    const { id, result } = JSON.parse(data.toString()) as Answer;
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let count = 0;
  const evaluate = async <T>(expression: string): Promise<T> => {
    count += 1;
    const id = count;
    const answered = new Promise<Answer['result']>((resolve) => waiting.set(id, resolve));
    const params = { expression, awaitPromise: true, returnByValue: true };
    socket.send(JSON.stringify({ id, method: 'Runtime.evaluate', params }));
    const { result, exceptionDetails } = await answered;
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page threw');
    return result.value as T;
  };
  const until = (expression: string) => eventually(expression, () => evaluate<boolean>(expression), 30);
  return { page: { evaluate, until }, close: () => socket.close() };
}
