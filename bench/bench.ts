import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureComparison } from './comparison';
import { measureFanOut } from './functions/fan-out';
import { measureGraphqlFunction } from './functions/graphql';
import { lineOfProcess } from './line-of-process';
import { measureRecords } from './records/measure';
import { measureStart } from './start-up';
import { compareSteps, type Measured } from './training/compare-steps';
import { dataFiles, measuredSteps } from './training/steps';

const help = `npm run bench                        all of the following
npm run bench -- steps               training steps on the real data with MiniLM, batch 32, against PyTorch
npm run bench -- start               seconds from the start of a run to its first step
npm run bench -- memory              tensors and resident memory over 2,000 steps
npm run bench -- functions           size and times of the GraphQL function, and one metrics object to 1,000 clients
npm run bench -- attributions        Integrated Gradients of MiniLM beside a forward pass
npm run bench -- compare             a comparison with all its tests over 200 runs and their predictions
npm run bench -- records             searching and comparing among 100,000 runs, and histories; SQLite, and PostgreSQL where given

  --data DIR        the real data (default ../shared/data)
  --python PATH     an interpreter with PyTorch, NumPy and safetensors; without it no peer is measured
  --peers DIR       the PyTorch reference (default ../shared/peers/pytorch)
  --engines LIST    native,portable (default both)
  --threads LIST    threads of the engines and PyTorch (default 1,2)
  --steps LIST      ${measuredSteps.map(({ name }) => name).join(',')}
  --batches N       batches a step is measured on (default 6)
  --database-url U  a PostgreSQL database of no other use; without it the functions are measured on SQLite, or not
  --rounds N        times that each is measured, the least counts (default 4)
  --train-share S   share of the train rows that attributions are measured on (default 0.02)
  --runs N          runs in the records (default 100000)
  --keep FOLDER     where to keep the SQLite records and the histories for the next time; else they are removed

Every figure is a ratio within one run. Where other programs are busy look at CPU seconds: wall seconds then tell their load.`;

const parts = ['steps', 'start', 'memory', 'attributions', 'functions', 'compare', 'records'] as const;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      data: { type: 'string', default: '../shared/data' },
      python: { type: 'string' },
      peers: { type: 'string', default: '../shared/peers/pytorch' },
      engines: { type: 'string', default: 'native,portable' },
      threads: { type: 'string', default: '1,2' },
      steps: { type: 'string', default: measuredSteps.map(({ name }) => name).join(',') },
      batches: { type: 'string', default: '6' },
      rounds: { type: 'string', default: '4' },
      'database-url': { type: 'string' },
      'train-share': { type: 'string', default: '0.02' },
      runs: { type: 'string', default: '100000' },
      keep: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const unknown = positionals.filter((part) => !(parts as readonly string[]).includes(part));
  if (values.help || unknown.length > 0) {
    console.log(unknown.length > 0 ? `There is no ${unknown.join(', ')} to measure.\n\n${help}` : help);
    process.exitCode = unknown.length > 0 ? 1 : 0;
    return;
  }
  const wanted = (part: (typeof parts)[number]) => positionals.length === 0 || positionals.includes(part);
  const data = resolve(values.data);
  const engines = values.engines.split(',') as ('native' | 'portable')[];
  console.log(
    `${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`,
  );
  const missing = Object.values(dataFiles(data)).filter((path) => !existsSync(path));
  if (missing.length > 0 && (wanted('steps') || wanted('start') || wanted('attributions'))) {
    console.log(`Steps, start and attributions are not measured: no ${missing[0]}; give --data`);
  } else {
    if (wanted('steps'))
      for (const threads of values.threads.split(',').map(Number))
        await reportSteps(values.steps.split(','), {
          ...{ data, engines, threads, pytorch: peersOf(values) },
          ...{ batches: Number(values.batches), rounds: Number(values.rounds) },
        });
    if (wanted('start')) for (const engine of engines) console.log(await measureStart(engine, data));
    if (wanted('attributions')) {
      const file = join(__dirname, 'attributions/attribute.ts');
      for (const engine of engines)
        console.log(await lineOfProcess('attributions', file, [engine, data, values['train-share']]));
    }
  }
  if (wanted('functions')) {
    await measureGraphqlFunction(values['database-url']);
    await measureFanOut(values['database-url']);
  }
  if (wanted('records')) await measureRecords(Number(values.runs), values['database-url'], values.keep);
  if (wanted('memory'))
    for (const engine of engines)
      console.log(await lineOfProcess('memory', join(__dirname, 'memory/steps.ts'), [engine]));
  if (wanted('compare')) console.log((await measureComparison()).join('\n'));
}

function peersOf({ python, peers }: { python?: string; peers: string }): { python: string; peers: string } | null {
  const folder = resolve(peers);
  const why = !python ? 'no --python' : existsSync(join(folder, 'methods.py')) ? null : `no ${folder}/methods.py`;
  if (why === null) return { python: python!, peers: folder };
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
