import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Energy } from '../../contract/records';

/** Counts the energy of an attempt while it runs. */
export interface EnergyMeter {
  read(): Energy;
  stop(): void;
}

/** Where power and times are read; other places in tests. */
export interface EnergySources {
  /** Command that lists the power draw of the GPUs, one a line, in watts. */
  nvidiaSmi: string;
  /** Energy counters of the processors (RAPL); most systems let root alone read them. */
  powercap: string;
  /** Which GPU is used, as CUDA numbers them. */
  gpu: string;
  now(): number;
  /** Processor seconds of this process, and of the whole machine. */
  cpuSeconds(): { own: number; all: number };
}

const sampleMilliseconds = 5000;
const secondsPerHour = 3600;

/**
 * Watts of one processor thread at work, for machines that do not tell: the upper end of the Cloud Carbon Footprint's
 * coefficients for AWS (0.74 W idle, 3.5 W busy a vCPU).
 */
const wattsPerBusyThread = 3.5;

/** Board power of cards by a part of their name (NVIDIA's data sheets), for where nvidia-smi is missing. */
const boardWatts: readonly [string, number][] = [
  ['H200', 700],
  ['H100', 700],
  ['A100', 400],
  ['L40S', 350],
  ['A10G', 300],
  ['L4', 72],
  ['T4', 70],
];
const unknownBoardWatts = 300;

/** @param device of the engine: `cpu`, or the name of a GPU */
export function startEnergyMeter(device: string, given: Partial<EnergySources> = {}): EnergyMeter {
  const sources: EnergySources = {
    nvidiaSmi: 'nvidia-smi',
    powercap: '/sys/class/powercap',
    gpu: process.env.CUDA_VISIBLE_DEVICES?.split(',')[0] || '0',
    now: () => performance.now() / 1000,
    cpuSeconds,
    ...given,
  };
  return device === 'cpu' || device === 'none' ? processorMeter(sources) : gpuMeter(device, sources);
}

/** Integrates the power that nvidia-smi tells; the board power of the card where it tells none. */
function gpuMeter(device: string, { nvidiaSmi, gpu, now }: EnergySources): EnergyMeter {
  const guess = boardWatts.find(([name]) => device.includes(name))?.[1] ?? unknownBoardWatts;
  let joules = 0;
  // Until its first answer: the seconds before have the power of that answer.
  let watts: number | null | 'not asked' = 'not asked';
  let estimated = false;
  let last = now();
  const add = () => {
    if (watts === 'not asked') return;
    const time = now();
    joules += (watts ?? guess) * (time - last);
    if (watts === null) estimated = true;
    last = time;
  };
  const sample = async () => {
    const found = await gpuWatts(nvidiaSmi, gpu);
    add();
    watts = found;
  };
  void sample();
  const timer = setInterval(() => void sample(), sampleMilliseconds);
  timer.unref();
  return {
    read() {
      add();
      const how = estimated
        ? `the board power of ${device}, ${guess} W, where nvidia-smi told none`
        : `the power of GPU ${gpu} by nvidia-smi, every ${sampleMilliseconds / 1000} seconds`;
      return { wattHours: joules / secondsPerHour, source: estimated ? 'estimated' : 'measured', how };
    },
    stop: () => clearInterval(timer),
  };
}

/** null where there is no nvidia-smi, or it tells no power of this card. */
async function gpuWatts(nvidiaSmi: string, gpu: string): Promise<number | null> {
  const words = ['--query-gpu=power.draw', '--format=csv,noheader,nounits', '-i', gpu];
  try {
    const { stdout } = await promisify(execFile)(nvidiaSmi, words, { timeout: sampleMilliseconds });
    const watts = Number.parseFloat(stdout);
    return Number.isFinite(watts) ? watts : null;
  } catch {
    return null;
  }
}

/** The share of this process in what the processors used, by their counters; from its processor time without these. */
function processorMeter({ powercap, cpuSeconds }: EnergySources): EnergyMeter {
  const packages = readablePackages(powercap);
  const begun = cpuSeconds();
  if (packages.length === 0)
    return {
      read: () => ({
        wattHours: ((cpuSeconds().own - begun.own) * wattsPerBusyThread) / secondsPerHour,
        source: 'estimated',
        how: `${wattsPerBusyThread} W for every busy processor thread; the machine tells no energy`,
      }),
      stop: () => {},
    };
  let joules = 0;
  let before = begun;
  let counters = packages.map(readJoules);
  const add = () => {
    const after = cpuSeconds();
    const next = packages.map(readJoules);
    const busy = after.all - before.all;
    const share = busy > 0 ? Math.min(1, (after.own - before.own) / busy) : 0;
    const used = packages.reduce((sum, { range }, place) => {
      const difference = next[place]! - counters[place]!;
      return sum + (difference < 0 ? difference + range : difference);
    }, 0);
    joules += used * share;
    before = after;
    counters = next;
  };
  const timer = setInterval(add, sampleMilliseconds);
  timer.unref();
  return {
    read() {
      add();
      const how = 'the counters of the processors (RAPL), by the share of this process in their time';
      return { wattHours: joules / secondsPerHour, source: 'measured', how };
    },
    stop: () => clearInterval(timer),
  };
}

interface ProcessorPackage {
  path: string;
  /** Joules after which the counter begins anew. */
  range: number;
}

/** Whole processors alone: their cores and memory have counters of their own, which are part of them. */
function readablePackages(powercap: string): ProcessorPackage[] {
  try {
    return readdirSync(powercap)
      .filter((name) => /^intel-rapl:\d+$/.test(name))
      .map((name) => join(powercap, name))
      .map((path) => {
        const range = Number(readFileSync(join(path, 'max_energy_range_uj'), 'utf8')) / 1e6;
        readJoules({ path });
        return { path, range };
      });
  } catch {
    return [];
  }
}

const readJoules = ({ path }: { path: string }): number => Number(readFileSync(join(path, 'energy_uj'), 'utf8')) / 1e6;

function cpuSeconds(): { own: number; all: number } {
  const { user, system } = process.cpuUsage();
  const all = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
  return { own: (user + system) / 1e6, all };
}
