import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptFiles, type Wheel } from './runtime';

/**
 * Brings the kept files of every wheel into `runtime`. Each wheel that is done leaves a marker, so that an interrupted
 * installation goes on with the next; pip verifies each download against the hash pinned in `runtime.ts`.
 *
 * @throws where pip or the unpacking fails
 */
export function fetchRuntime(python: string, wheels: Wheel[], runtime: string, say: (line: string) => void): void {
  const downloads = join(runtime, 'wheels');
  mkdirSync(downloads, { recursive: true });
  for (const [index, wheel] of wheels.entries()) {
    const marker = markerOf(runtime, wheel);
    const title = `[${index + 1}/${wheels.length}] ${wheel.requirement}`;
    if (existsSync(marker)) {
      say(`${title}: already there`);
      continue;
    }
    say(`${title}: ${Math.round(wheel.downloadBytes / 1e6)} MB to download`);
    download(python, wheel, downloads);
    unpack(python, downloads, runtime);
    for (const file of readdirSync(downloads)) rmSync(join(downloads, file));
    writeFileSync(marker, `${wheel.sha256}\n`);
  }
}

export function missingWheels(wheels: Wheel[], runtime: string): Wheel[] {
  return wheels.filter((wheel) => !existsSync(markerOf(runtime, wheel)));
}

/** Named by the wheel's build and by what is kept of it: where either changes, an earlier download is not taken for this one. */
function markerOf(runtime: string, wheel: Wheel): string {
  const content = createHash('sha256')
    .update([wheel.sha256, ...keptFiles].join('\n'))
    .digest('hex')
    .slice(0, 12);
  return join(runtime, `${wheel.requirement.split('==')[0]}-${content}.done`);
}

function download(python: string, wheel: Wheel, folder: string): void {
  const requirements = join(folder, 'requirements.txt');
  writeFileSync(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
  const platforms = ['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'];
  run(python, [
    ...['-m', 'pip', 'download', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'],
    ...['--python-version', '311', '--implementation', 'cp', '--abi', 'cp311', '--abi', 'none'],
    ...platforms.flatMap((platform) => ['--platform', platform]),
    ...['--require-hashes', '--requirement', requirements, '--dest', folder],
  ]);
}

/** By Python's zipfile, which pip brings with it and which checks every file's CRC. */
const unpackScript = `
import re, stat, sys, zipfile
wheel, target, kept = sys.argv[1], sys.argv[2], re.compile('|'.join(sys.argv[3:]))
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if kept.fullmatch(name):
            path = archive.extract(name, target)
            if name.endswith('/ptxas'):
                import os; os.chmod(path, 0o755)
`;

function unpack(python: string, downloads: string, runtime: string): void {
  for (const file of readdirSync(downloads).filter((name) => name.endsWith('.whl'))) {
    run(python, ['-c', unpackScript, join(downloads, file), runtime, ...keptFiles]);
  }
}

function run(command: string, parameters: string[]): void {
  const { status, error } = spawnSync(command, parameters, { stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) {
    const what = parameters.slice(0, 3).join(' ').split('\n')[0];
    throw new Error(
      `\`${command} ${what} ...\` ended with status ${status}; run \`npm run engine\` again to go on from here`,
    );
  }
}
