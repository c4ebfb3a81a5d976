import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import type { Wheel } from './runtime';

/** What this machine is, as far as the runtime cares. */
export interface Machine {
  platform: string;
  architecture: string;
  nodeMajor: number;
  /** null on a C library other than glibc. */
  glibc: string | null;
  /** null where the CPU does not say. */
  cpuFlags: string[] | null;
  compiler: string | null;
  python: string | null;
  freeBytes: number;
}

const oldestGlibc = [2, 27] as const;

/** @param folder an existing folder on the disk that will hold the runtime */
export function lookAtMachine(folder: string): Machine {
  const disk = statfsSync(folder);
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return {
    platform: process.platform,
    architecture: process.arch,
    nodeMajor: Number(process.versions.node.split('.')[0]),
    glibc: report.header.glibcVersionRuntime ?? null,
    cpuFlags: cpuFlags(),
    compiler: ['g++', 'clang++', 'c++'].find((command) => answers(command, ['--version'])) ?? null,
    python: ['python3', 'python'].find((command) => answers(command, ['-m', 'pip', '--version'])) ?? null,
    freeBytes: disk.bavail * disk.bsize,
  };
}

/** Everything that stands in the way, each with what to do about it; empty where nothing does. */
export function obstacles(machine: Machine, wheels: Wheel[]): string[] {
  const found: string[] = [];
  const { platform, architecture, nodeMajor, glibc, cpuFlags, compiler, python, freeBytes } = machine;
  if (platform !== 'linux' || architecture !== 'x64') {
    found.push(
      `The native engine is built for linux x64; this is ${platform} ${architecture}. Use the portable engine.`,
    );
  }
  if (nodeMajor !== 20 && nodeMajor !== 22) {
    found.push(`Node ${nodeMajor} is not supported by @tensorflow/tfjs-node-gpu: install Node 20 or 22.`);
  }
  if (platform === 'linux' && !(glibc && isAtLeast(glibc, oldestGlibc))) {
    found.push(
      `glibc ${oldestGlibc.join('.')} or later is needed, found ${glibc ?? 'another C library (Alpine?)'}: use Debian, Ubuntu or the like.`,
    );
  }
  if (cpuFlags && !cpuFlags.includes('avx')) {
    found.push('This CPU has no AVX, which TensorFlow is compiled for: use the portable engine.');
  }
  if (!compiler) found.push('No C++ compiler (g++ or clang++): install one, for example `apt-get install g++`.');
  if (!python)
    found.push('No pip, which downloads the runtime: install it, for example `apt-get install python3-pip`.');
  const needed = bytesNeeded(wheels);
  if (freeBytes < needed) {
    found.push(`${gigabytes(needed)} of disk are needed under node_modules, ${gigabytes(freeBytes)} are free.`);
  }
  return found;
}

/** Unpacked files stay; of the wheels one at a time lies beside them. */
export function bytesNeeded(wheels: Wheel[]): number {
  const largest = Math.max(0, ...wheels.map((wheel) => wheel.downloadBytes));
  return wheels.reduce((total, wheel) => total + wheel.unpackedBytes, largest);
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [foundMajor = 0, foundMinor = 0] = version.split('.').map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}

function cpuFlags(): string[] | null {
  try {
    return /^flags\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? null;
  } catch {
    return null;
  }
}

function answers(command: string, parameters: string[]): boolean {
  return spawnSync(command, parameters, { stdio: 'ignore' }).status === 0;
}
