import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type EngineChoice, type EngineRequest, startEngine } from '../../../trainer/engine/engine';
import { availableEngines } from '../../testkit/engines';
import { useTestFolder } from '../../testkit/test-folder';

const repository = resolve(__dirname, '../../..');
const nativeInstalled = availableEngines().includes('native');
const itWithNative = nativeInstalled ? it : it.skip;
const request = (part: Partial<EngineRequest>): EngineRequest => ({
  engine: 'auto',
  device: 'auto',
  threads: 1,
  ...part,
});

/** Starts engines one after the other in a process of its own, for a process has one. */
function startInProcess(checkout: string, ...requests: EngineRequest[]): EngineChoice[] {
  const script = `
    const { startEngine } = require('./trainer/engine/engine');
    const requests = ${JSON.stringify(requests)};
    (async () => {
      const choices = [];
      for (const request of requests) choices.push(await startEngine(request));
      console.log(JSON.stringify(choices));
    })();`;
  const output = execFileSync(process.execPath, ['--import', 'tsx', '--eval', script], {
    cwd: checkout,
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

describe('startEngine', () => {
  const nothing = { kind: 'unavailable', problems: expect.any(Array) };

  it('refuses what cannot be, all of it at once, before anything is loaded', async () => {
    const choice = await startEngine(request({ engine: 'portable', device: 'gpu', threads: 0 }));
    expect(choice).toEqual({
      kind: 'unavailable',
      problems: [
        { path: 'threads', message: expect.stringContaining('0') },
        { path: 'device', message: expect.stringContaining('portable') },
      ],
    });
  });

  it('starts portable where it is asked for, and answers the same again', () => {
    const [first, again, automatic, other] = startInProcess(
      repository,
      request({ engine: 'portable', threads: 3 }),
      request({ engine: 'portable', threads: null }),
      request({ engine: 'auto', threads: 3 }),
      request({ engine: 'native', threads: 3 }),
    );
    expect(first).toEqual({
      kind: 'started',
      engine: { name: 'portable', version: '4.22.0', device: 'cpu', threads: 3, reason: 'asked for' },
    });
    expect(again).toEqual(first);
    expect(automatic).toEqual(first);
    expect(other).toEqual(nothing);
  });

  itWithNative('prefers native where it is installed, with the threads asked for', () => {
    const [choice, otherThreads] = startInProcess(repository, request({ threads: 1 }), request({ threads: 2 }));
    expect(choice).toMatchObject({ kind: 'started', engine: { name: 'native', threads: 1 } });
    expect(choice).toMatchObject({ engine: { version: expect.stringMatching(/^2\.\d+\.\d+$/) } });
    expect(otherThreads).toEqual(nothing);
  });

  itWithNative('takes the CPU where that is asked for', () => {
    const [choice] = startInProcess(repository, request({ engine: 'native', device: 'cpu' }));
    expect(choice).toMatchObject({ kind: 'started', engine: { name: 'native', device: 'cpu' } });
  });

  it('never runs on the CPU in silence where a GPU was asked for', () => {
    const [choice] = startInProcess(repository, request({ device: 'gpu' })) as [EngineChoice];
    if (choice.kind === 'started') expect(choice.engine.device).not.toBe('cpu');
    else expect(choice.problems).toEqual([{ path: 'device', message: expect.stringContaining('GPU') }]);
  });
});

describe('without @tensorflow/tfjs-node-gpu', () => {
  const folder = useTestFolder();

  /** This checkout as npm leaves it where the optional package could not be installed. */
  function checkoutWithoutNative(): string {
    const modules = join(folder.path(), 'node_modules');
    mkdirSync(join(modules, '@tensorflow'), { recursive: true });
    const link = (name: string) => symlinkSync(join(repository, 'node_modules', name), join(modules, name));
    for (const name of readdirSync(join(repository, 'node_modules'))) if (name !== '@tensorflow') link(name);
    for (const name of readdirSync(join(repository, 'node_modules', '@tensorflow'))) {
      if (name !== 'tfjs-node-gpu') link(`@tensorflow/${name}`);
    }
    cpSync(join(repository, 'trainer', 'engine'), join(folder.path(), 'trainer', 'engine'), { recursive: true });
    return folder.path();
  }

  it('auto is portable and says how to get native; native is a problem that says so', () => {
    const checkout = checkoutWithoutNative();
    const [forced, automatic] = startInProcess(checkout, request({ engine: 'native' }), request({ engine: 'auto' }));
    expect(forced).toEqual({
      kind: 'unavailable',
      problems: [{ path: 'engine', message: expect.stringContaining('`npm run engine`') }],
    });
    expect(automatic).toMatchObject({
      kind: 'started',
      engine: { name: 'portable', reason: expect.stringContaining('`npm run engine`') },
    });
  });

  it('the installer says what to run first, and its check tells that portable runs', () => {
    const checkout = checkoutWithoutNative();
    const run = (...options: string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', 'trainer/engine/install.ts', ...options], {
        cwd: checkout,
        encoding: 'utf8',
      });
    const installation = run();
    expect(installation.stderr).toContain('npm install --no-save --ignore-scripts @tensorflow/tfjs-node-gpu');
    expect(installation.status).toBe(1);
    const check = run('--check');
    expect(check.stdout).toMatch(/uses the portable engine .* `npm run engine`/);
    expect(check.status).toBe(0);
  });
});

describe('compiled kernels', () => {
  const folder = useTestFolder();

  it.each([
    ['kernels.wasm', 'index.ts', 'backend'],
    ['matmul.wasm', 'matmul.ts', 'shared'],
  ])('%s is what `npm run kernels` makes of its sources', (name, source, target) => {
    const compiled = join(folder.path(), name);
    const assembly = join(repository, 'trainer', 'engine', 'assembly');
    const compiler = join(repository, 'node_modules', 'assemblyscript', 'bin', 'asc.js');
    const settings = ['--target', target, '--outFile', compiled];
    execFileSync(process.execPath, [compiler, source, ...settings], { cwd: assembly });
    expect(readFileSync(compiled).equals(readFileSync(join(assembly, name)))).toBe(true);
  });
});
