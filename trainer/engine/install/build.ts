import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { EnginePaths, Variant } from './runtime';

/** Compiled into the addon besides the package's sources, those that end in .cc. */
const ownSources = [
  ...['block-signals.cc', 'lanes.h', 'operation.h'],
  ...['adam.cc', 'add.cc', 'attention.cc', 'gelu.cc', 'layer-norm.cc'],
].map((name) => join(__dirname, 'addon', name));

/**
 * Compiles the package's own C++ sources against the runtime's headers and libraries, in one call and without
 * node-gyp. The libraries are found relative to the addon, so the project folder can be moved or copied.
 *
 * @throws with the compiler's output where it fails
 */
export function buildAddon(compiler: string, paths: EnginePaths, variant: Variant): void {
  const libraries = join(paths.runtime(variant), 'tensorflow');
  const folder = dirname(paths.addon);
  mkdirSync(folder, { recursive: true });
  const unfinished = `${paths.addon}.building`;
  const { status, stderr, error } = spawnSync(
    compiler,
    [
      ...['-std=c++17', '-O3', '-fPIC', '-shared', '-pthread', '-w', '-DNAPI_VERSION=8'],
      // A loop with a root is vectorised only where no errno is asked for; no fused products, so that all processors agree.
      ...['-fno-math-errno', '-ffp-contract=off'],
      ...[paths.nodeHeaders, join(libraries, 'include'), paths.package].flatMap((path) => ['-I', path]),
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(paths.package, 'binding', name)),
      ...ownSources.filter((path) => path.endsWith('.cc')),
      ...[`-L${libraries}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
      `-Wl,-rpath,$ORIGIN/${relative(folder, libraries)}`,
      ...['-o', unfinished],
    ],
    { encoding: 'utf8' },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`${compiler} could not build the addon:\n${stderr}`);
  renameSync(unfinished, paths.addon);
  writeFileSync(stampFile(paths), stampOf(variant));
}

/** What the addon was built against; null where it was not built here. */
export function builtVariant(paths: EnginePaths): Variant | null {
  return existsSync(stampFile(paths)) ? (readFileSync(stampFile(paths), 'utf8').split(' ')[0] as Variant) : null;
}

/** Whether the addon was built here, and from another source than there is now. */
export function isOutdated(paths: EnginePaths): boolean {
  const variant = builtVariant(paths);
  return variant !== null && readFileSync(stampFile(paths), 'utf8') !== stampOf(variant);
}

function stampOf(variant: Variant): string {
  const hash = createHash('sha256');
  for (const source of ownSources) hash.update(readFileSync(source));
  return `${variant} ${hash.digest('hex')}`;
}

function stampFile(paths: EnginePaths): string {
  return `${paths.addon}.variant`;
}
