import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Batches, dataFiles, type MeasuredStep, type StepCost } from './steps';

/** Where things are and how much is measured. */
export interface StepSetting {
  data: string;
  engines: ('native' | 'portable')[];
  threads: number;
  /** null: no peer is measured. */
  pytorch: { python: string; peers: string } | null;
  batches: number;
  rounds: number;
}

/** Mean over the batches of the least that a step took in all rounds. */
export interface Measured extends StepCost {
  name: string;
  /** Of what this is the peer; null: one of the engines. */
  target: number | null;
  failure: string | null;
}

/**
 * Measures one step on every side, turn by turn: batch after batch, and on a batch side after side, so that what else the machine does
 * meets all of them alike; of each batch the best round counts.
 */
export async function compareSteps(step: MeasuredStep, setting: StepSetting): Promise<Measured[]> {
  const { data, engines, threads, pytorch, batches, rounds } = setting;
  const file = join(__dirname, 'step-process.ts');
  const ours = engines.map((engine) =>
    startSide(engine, null, process.execPath, [
      ...['--import', 'tsx', file, step.name],
      ...[engine, String(threads), data, String(batches)],
    ]),
  );
  // The first engine that starts tells the others which batches they are to take.
  const starts = await Promise.all(ours.map((side) => side.next()));
  const rows = starts.find((start) => start !== null) as { batches: Batches } | undefined;
  const theirs = (rows === undefined || pytorch === null ? [] : step.peers).map(({ name, method, pad, target }) => {
    const { teacher } = dataFiles(data);
    const script = [join(__dirname, 'pytorch_steps.py'), pytorch!.peers, teacher, method];
    const side = startSide(
      `PyTorch, ${name}`,
      target,
      pytorch!.python,
      [...script, String(pad), String(threads)],
      data,
    );
    side.send(JSON.stringify(rows!.batches));
    return side;
  });
  await Promise.all(theirs.map((side) => side.next()));
  const sides = [...ours, ...theirs];
  const best = sides.map(() =>
    Array.from({ length: batches }, () => ({ wallSeconds: Infinity, cpuSeconds: Infinity })),
  );
  // Round 0 is for warming up.
  for (let round = 0; round <= rounds; round++)
    for (let batch = 0; batch < batches; batch++)
      for (const [index, side] of sides.entries()) {
        side.send(String(batch));
        const cost = (await side.next()) as StepCost | null;
        if (cost === null || round === 0) continue;
        const least = best[index]![batch]!;
        least.wallSeconds = Math.min(least.wallSeconds, cost.wallSeconds);
        least.cpuSeconds = Math.min(least.cpuSeconds, cost.cpuSeconds);
      }
  for (const side of sides) side.end();
  return sides.map(({ name, target, failure }, index) => {
    const mean = (key: keyof StepCost) => best[index]!.reduce((sum, cost) => sum + cost[key], 0) / batches;
    return { name, target, failure: failure(), wallSeconds: mean('wallSeconds'), cpuSeconds: mean('cpuSeconds') };
  });
}

interface Side {
  name: string;
  target: number | null;
  send(line: string): void;
  /** Its next answer; null where it has ended. */
  next(): Promise<unknown>;
  failure(): string | null;
  end(): void;
}

function startSide(name: string, target: number | null, command: string, parameters: string[], data?: string): Side {
  const child: ChildProcess = spawn(command, parameters, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', ...(data === undefined ? {} : { REF_DATA: data }) },
  });
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdin!.on('error', () => {}); // It has ended; its next answer says so.
  let failure: string | null = null;
  child.on('error', (error) => {
    failure = error.message;
  });
  child.on('exit', (code) => {
    if (code !== 0) failure ??= errors.trim().split('\n').at(-1) ?? `ended with ${code}`;
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    name,
    target,
    send: (line) => child.stdin!.write(`${line}\n`),
    next: async () => {
      const { value, done } = await lines.next();
      return done ? null : JSON.parse(value);
    },
    failure: () => failure,
    end: () => child.stdin!.end(),
  };
}
