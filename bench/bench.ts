import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { measureComparison } from './comparison';
import { measureFanOut } from './functions/fan-out';
import { measureGraphqlFunction } from './functions/graphql';
import { lineOfProcess } from './line-of-process';
import { type Options, type Part, readOptions } from './options';
import { measureRecords } from './records/measure';
import { measureServing } from './serving/measure';
import { measureStart } from './start-up';
import { compareSteps, type Measured } from './training/compare-steps';
import { dataFiles, measuredSteps } from './training/steps';

async function main(): Promise<void> {
  const read = readOptions(process.argv.slice(2));
  if (read.kind === 'help') {
    console.log(read.text);
    process.exitCode = read.exitCode;
    return;
  }
  const { data, engines, ...options } = read.options;
  const wanted = (part: Part) => options.part === undefined || options.part === part;
  console.log(
    `${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`,
  );
  const missing = Object.values(dataFiles(data)).filter((path) => !existsSync(path));
  if (missing.length > 0 && (wanted('steps') || wanted('start') || wanted('attributions'))) {
    console.log(`Steps, start and attributions are not measured: no ${missing[0]}; give --data`);
  } else {
    if (wanted('steps'))
      for (const threads of options.threads)
        await reportSteps(options.steps, {
          ...{ data, engines, threads, pytorch: peersOf(options) },
          ...{ batches: options.batches, rounds: options.rounds },
        });
    if (wanted('start')) for (const engine of engines) console.log(await measureStart(engine, data));
    if (wanted('attributions')) {
      const file = join(__dirname, 'attributions/attribute.ts');
      for (const engine of engines)
        console.log(await lineOfProcess('attributions', file, [engine, data, String(options['train-share'])]));
    }
  }
  if (wanted('functions')) {
    await measureGraphqlFunction(options['database-url']);
    await measureFanOut(options['database-url']);
  }
  if (wanted('records')) await measureRecords(options.runs, options['database-url'], options.keep);
  if (wanted('serving')) await measureServing();
  if (wanted('memory'))
    for (const engine of engines)
      console.log(await lineOfProcess('memory', join(__dirname, 'memory/steps.ts'), [engine]));
  if (wanted('compare')) console.log((await measureComparison()).join('\n'));
}

function peersOf({ python, peers }: Pick<Options, 'python' | 'peers'>): { python: string; peers: string } | null {
  const why = !python ? 'no --python' : existsSync(join(peers, 'methods.py')) ? null : `no ${peers}/methods.py`;
  if (why === null) return { python: python!, peers };
  console.log(`PyTorch is not measured: ${why}`);
  return null;
}

async function reportSteps(names: string[], setting: Parameters<typeof compareSteps>[1]): Promise<void> {
  console.log(
    `\n${setting.threads} thread(s); milliseconds a step, wall (CPU); ${setting.batches} batches x ${setting.rounds} rounds`,
  );
  for (const step of measuredSteps.filter(({ name }) => names.includes(name))) {
    const measured = await compareSteps(step, setting);
    const base = measured[0]!;
    console.log(step.name);
    for (const side of measured) console.log(`  ${describe(side, base)}`);
  }
}

/** `base`: the side that all others are set in relation to, the first engine. */
function describe(side: Measured, base: Measured): string {
  const name = side.name.padEnd(24);
  if (side.failure !== null) return `${name} not measured: ${side.failure}`;
  const own = `${name} ${milliseconds(side.wallSeconds)} (${milliseconds(side.cpuSeconds)})`;
  if (side === base) return own;
  const isPeer = side.name.startsWith('PyTorch');
  const ratio = (key: 'wallSeconds' | 'cpuSeconds') =>
    (isPeer ? base[key] / side[key] : side[key] / base[key]).toFixed(2);
  const target = isPeer ? side.target : 3;
  const sides = isPeer ? `${base.name} / it` : `it / ${base.name}`;
  return `${own}  ${sides} ${ratio('wallSeconds')} (${ratio('cpuSeconds')})${target === null ? '' : `, to be at most ${target}`}`;
}

const milliseconds = (seconds: number): string => (seconds * 1000).toFixed(1).padStart(7);

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
