import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bytesNeeded, lookAtMachine, type Machine, obstacles } from '../../../trainer/engine/install/requirements';
import { type Wheel, wheelsOf } from '../../../trainer/engine/install/runtime';
import { useTestFolder } from '../../testkit/test-folder';

const repository = resolve(__dirname, '../../..');

describe('what stands in the way of the native engine', () => {
  const fit: Machine = {
    platform: 'linux',
    architecture: 'x64',
    nodeMajor: 22,
    glibc: '2.36',
    cpuFlags: ['sse4_2', 'avx', 'avx2'],
    compiler: 'g++',
    python: 'python3',
    freeBytes: 20e9,
  };

  it('is nothing on a machine that has everything', () => {
    expect(obstacles(fit, wheelsOf('gpu'))).toEqual([]);
  });

  it.each<[string, Partial<Machine>, RegExp]>([
    ['another system', { platform: 'darwin', architecture: 'arm64', glibc: null }, /darwin arm64.*portable/],
    ['a Node that the package does not know', { nodeMajor: 24 }, /Node 24.*20 or 22/],
    ['an old glibc', { glibc: '2.17' }, /2\.27.*2\.17/],
    ['musl', { glibc: null }, /Alpine/],
    ['a CPU without AVX', { cpuFlags: ['sse4_2'] }, /AVX.*portable/],
    ['no compiler', { compiler: null }, /apt-get install g\+\+/],
    ['no pip', { python: null }, /apt-get install python3-pip/],
    ['a disk nearly full', { freeBytes: 1e9 }, /1\.1 GB.*1\.0 GB are free/],
  ])('is %s, with what to do about it', (_, lacking, message) => {
    expect(obstacles({ ...fit, ...lacking }, wheelsOf('cpu'))).toEqual([expect.stringMatching(message)]);
  });

  it('is told all at once', () => {
    expect(obstacles({ ...fit, nodeMajor: 18, compiler: null, python: null }, wheelsOf('cpu'))).toHaveLength(3);
  });

  it('counts what stays and the largest wheel beside it', () => {
    const [small, large] = [
      { downloadBytes: 1, unpackedBytes: 10 },
      { downloadBytes: 5, unpackedBytes: 20 },
    ] as Wheel[];
    expect(bytesNeeded([small!, large!])).toBe(35);
    expect(bytesNeeded([])).toBe(0);
  });
});

const python = lookAtMachine(repository).python;
const describeWithPip = python ? describe : describe.skip;

describeWithPip(python ? 'fetching the runtime by pip' : 'fetching the runtime (skipped: no pip here)', () => {
  const folder = useTestFolder();
  const path = (...names: string[]) => join(folder.path(), ...names);

  /** A real wheel of a package of this test's own, which pip finds in a folder instead of an index. */
  function publish(files: Record<string, string>): Wheel {
    mkdirSync(path('index'), { recursive: true });
    const wheel = path('index', 'stillhouse_test_runtime-1.0-py3-none-any.whl');
    const metadata = {
      'stillhouse_test_runtime-1.0.dist-info/METADATA':
        'Metadata-Version: 2.1\nName: stillhouse-test-runtime\nVersion: 1.0\n',
      'stillhouse_test_runtime-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
      'stillhouse_test_runtime-1.0.dist-info/RECORD': '',
    };
    const script =
      'import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w") as z:\n  [z.writestr(zipfile.ZipInfo(name), text) for name, text in json.loads(sys.argv[2]).items()]';
    execFileSync(python!, ['-c', script, wheel, JSON.stringify({ ...metadata, ...files })]);
    const sha256 = createHash('sha256').update(readFileSync(wheel)).digest('hex');
    return { requirement: 'stillhouse-test-runtime==1.0', sha256, downloadBytes: 1e6, unpackedBytes: 2e6 };
  }

  /** In a process of its own, so that pip's output and environment are its own too. */
  function fetch(wheel: Wheel): { status: number | null; said: string } {
    const script = `require('./trainer/engine/install/download').fetchRuntime(
      ${JSON.stringify(python)}, [${JSON.stringify(wheel)}], ${JSON.stringify(path('runtime'))}, console.log)`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--eval', script], {
      cwd: repository,
      encoding: 'utf8',
      env: { ...process.env, PIP_NO_INDEX: '1', PIP_FIND_LINKS: path('index') },
    });
    return { status, said: stdout + stderr };
  }

  const files = {
    'tensorflow/libtensorflow_cc.so.2': 'library',
    'tensorflow/include/tensorflow/c/c_api.h': 'header',
    'tensorflow/python/__init__.py': 'not needed',
  };

  it('keeps the libraries and headers, drops the rest and the wheel, and says the size first', () => {
    const { status, said } = fetch(publish(files));
    expect(said).toContain('[1/1] stillhouse-test-runtime==1.0: 1 MB to download');
    expect(status).toBe(0);
    expect(readFileSync(path('runtime', 'tensorflow', 'libtensorflow_cc.so.2'), 'utf8')).toBe('library');
    expect(existsSync(path('runtime', 'tensorflow', 'include', 'tensorflow', 'c', 'c_api.h'))).toBe(true);
    expect(existsSync(path('runtime', 'tensorflow', 'python'))).toBe(false);
    expect(readdirSync(path('runtime', 'wheels'))).toEqual([]);
  });

  it('fetches nothing twice, and goes on where it was interrupted', () => {
    const wheel = publish(files);
    fetch(wheel);
    rmSync(path('index'), { recursive: true });
    expect(fetch(wheel)).toMatchObject({ status: 0, said: expect.stringContaining('already there') });

    publish(files);
    for (const name of readdirSync(path('runtime'))) if (name.endsWith('.done')) rmSync(path('runtime', name));
    rmSync(path('runtime', 'tensorflow', 'libtensorflow_cc.so.2'));
    expect(fetch(wheel).status).toBe(0);
    expect(readFileSync(path('runtime', 'tensorflow', 'libtensorflow_cc.so.2'), 'utf8')).toBe('library');
  });

  it('takes no wheel whose content is not the one that was pinned', () => {
    const pinned = publish(files);
    publish({ ...files, 'tensorflow/libtensorflow_cc.so.2': 'tampered with' });
    const { status, said } = fetch(pinned);
    expect(status).not.toBe(0);
    expect(said).toMatch(/hash/i);
    expect(existsSync(path('runtime', 'tensorflow'))).toBe(false);
  });
});
