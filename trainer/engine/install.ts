import { parseArgs } from 'node:util';
import { buildAddon, builtVariant, isOutdated } from './install/build';
import { fetchRuntime, missingWheels } from './install/download';
import { type Proof, proveEngine } from './install/proof';
import { bytesNeeded, gigabytes, lookAtMachine, obstacles } from './install/requirements';
import { type EnginePaths, enginePaths, tensorflowVersion, type Variant, wheelsOf } from './install/runtime';

const help = `npm run engine                installs TensorFlow ${tensorflowVersion} for the native engine, CPU only
npm run engine -- --gpu       the same with CUDA 12 for an NVIDIA GPU
npm run engine -- --check     tells which engine a run would use, and why; installs nothing

Needs Linux x64 with glibc, Node 20 or 22, a C++ compiler, and pip (as a downloader: no Python code is run by the
trainer). The libraries go to node_modules/.cache/tensorflow-runtime; \`npm ci\` removes them, and after it this command
downloads them again. It can be interrupted and run again.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { gpu: { type: 'boolean' }, check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) console.log(help);
  else if (values.check) return check();
  else return install(values.gpu ? 'gpu' : 'cpu');
  return 0;
}

async function check(): Promise<number> {
  const proof = await proveEngine({ engine: 'auto', device: 'auto', threads: null });
  console.log(proof.kind === 'passed' ? describe(proof) : `No engine starts: ${proof.reason}`);
  return proof.kind === 'passed' ? 0 : 1;
}

async function install(variant: Variant): Promise<number> {
  const paths = enginePaths();
  if (!paths) {
    console.error(
      'The package @tensorflow/tfjs-node-gpu is not in node_modules: npm 10 removes it when its own download fails.\n' +
        'Run `npm install --no-save --ignore-scripts @tensorflow/tfjs-node-gpu@4.22.0`, then `npm run engine` again.',
    );
    return 1;
  }
  const before = await proveEngine({ engine: 'native', device: 'auto', threads: null });
  if (before.kind === 'passed' && isEnough(before, variant, paths) && !isOutdated(paths)) {
    console.log(`Nothing to install. ${describe(before)}`);
    return 0;
  }
  const wheels = missingWheels(wheelsOf(variant), paths.runtime(variant));
  const machine = lookAtMachine(paths.package);
  const inTheWay = obstacles(machine, wheels);
  if (inTheWay.length > 0) {
    console.error(`The native engine cannot be installed here:\n${inTheWay.map((line) => `- ${line}`).join('\n')}`);
    return 1;
  }
  const downloadBytes = wheels.reduce((total, wheel) => total + wheel.downloadBytes, 0);
  console.log(
    `TensorFlow ${tensorflowVersion} (${variant}): ${gigabytes(downloadBytes)} to download, ` +
      `${gigabytes(bytesNeeded(wheels))} of disk while installing, ${gigabytes(machine.freeBytes)} free.`,
  );
  fetchRuntime(machine.python!, wheelsOf(variant), paths.runtime(variant), console.log);
  console.log(`Building the addon with ${machine.compiler} (about 10 s)`);
  buildAddon(machine.compiler!, paths, variant);
  return report(await proveEngine({ engine: 'native', device: 'auto', threads: null }), variant);
}

/** For a GPU any runtime that reaches one, or the CUDA build where none is plugged in yet; else any that computes. */
function isEnough(proof: Extract<Proof, { kind: 'passed' }>, variant: Variant, paths: EnginePaths): boolean {
  if (variant === 'cpu' || proof.engine.device !== 'cpu') return true;
  return builtVariant(paths) === 'gpu' && missingWheels(wheelsOf('gpu'), paths.runtime('gpu')).length === 0;
}

function report(proof: Proof, variant: Variant): number {
  if (proof.kind === 'failed') {
    console.error(`The addon was built, but its proof computation failed: ${proof.reason}`);
    return 1;
  }
  console.log(`Installed and proved by a computation. ${describe(proof)}`);
  if (variant === 'gpu' && proof.engine.device === 'cpu') {
    console.log('No GPU is visible here (a container build, perhaps): where one is, the same installation uses it.');
  }
  return 0;
}

function describe({ engine }: Extract<Proof, { kind: 'passed' }>): string {
  const { name, version, device, threads, reason } = engine;
  return `A run uses the ${name} engine (${version}) on ${device}, ${threads} threads: ${reason}.`;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
