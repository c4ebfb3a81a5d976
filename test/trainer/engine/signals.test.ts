import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { availableEngines } from '../../testkit/engines';

const installed = availableEngines().includes('native');
const test = installed ? it : it.skip;

describe('a process on native', () => {
  test(`computes on while signals arrive${installed ? '' : ' (native: not installed, run `npm run engine`)'}`, async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'interrupted-process.ts')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    const signals = setInterval(() => child.kill('SIGUSR2'), 1);
    child.stdout.on('data', (chunk: Buffer) => {
      clearInterval(signals);
      output += chunk.toString();
    });
    const [code, signal] = await ended;
    clearInterval(signals);

    expect({ code, signal, output }).toMatchObject({ code: 0, signal: null });
    const counts = JSON.parse(output.trim().split('\n').at(-1)!) as { signals: number; passes: number };
    expect(counts.signals).toBeGreaterThan(50);
    expect(counts.passes).toBeGreaterThan(50);
  });
});
