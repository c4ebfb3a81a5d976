import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { bundleFolder, type LambdaFunction, lambdaFunctions } from '../../contract/aws';

const repository = join(__dirname, '..', '..');

/** The largest a bundle may be: loading it is most of a cold start. */
const mostBytes = 2_000_000;

/** zod brings its messages in every language, a quarter of a megabyte; they are looked up by name in English alone. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /locales\/index\.js$/ }, ({ importer, resolveDir, kind }) =>
      importer.includes('/zod/') ? resolve('../locales/en.js', { resolveDir, kind }) : undefined,
    );
  },
};

/**
 * Bundles the functions, each into one file with all it needs: the AWS SDK too, since that of the runtime is another
 * version, is not tree-shaken, and loads more slowly.
 * @returns bytes by function
 * @throws Error where a bundle is too large
 */
export async function bundleFunctions(root: string = repository): Promise<Map<LambdaFunction, number>> {
  const names = Object.keys(lambdaFunctions) as LambdaFunction[];
  for (const name of names) rmSync(join(root, bundleFolder(name)), { recursive: true, force: true });
  const entries = names.map((name) => [`${bundleFolder(name)}/index`, join(__dirname, `${name}.ts`)]);
  const bundles = await bundlePrograms(Object.fromEntries(entries), root);
  const sizes = new Map<LambdaFunction, number>();
  for (const [place, name] of names.entries()) {
    const { bytes } = bundles[place]!;
    sizes.set(name, bytes);
    if (bytes > mostBytes) throw new Error(`the bundle of ${name} has ${bytes} bytes, at most ${mostBytes} are wanted`);
  }
  return sizes;
}

/**
 * Bundles programs, each into one file.
 * @param entries by the path of the bundle below `folder`, without `.mjs`
 * @returns of each, in their order, the size and the source files whose code is in it
 */
export async function bundlePrograms(
  entries: Readonly<Record<string, string>>,
  folder: string,
): Promise<{ bytes: number; sources: string[] }[]> {
  const { metafile } = await build({
    entryPoints: entries,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    // type-graphql takes the names of types from their classes.
    keepNames: true,
    metafile: true,
    sourcemap: false,
    platform: 'node',
    target: 'node20',
    // An ES module waits at its top for what it opens, which Lambda counts as its start, with a whole processor.
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    // As api/process/production.ts does for a server: graphql-js leaves out its checks for a second copy of itself.
    define: { 'process.env.NODE_ENV': '"production"' },
    // Asked for at run time by those who have them: validation by decorators and the native driver are not used.
    external: ['class-validator', 'pg-native'],
    plugins: [englishOnly],
    tsconfig: join(repository, 'tsconfig.json'),
    logLevel: 'warning',
  });
  const outputs = Object.values(metafile.outputs);
  return Object.values(entries).map((entry) => {
    const output = outputs.find(({ entryPoint = '' }) => resolve(entryPoint) === resolve(entry))!;
    const sources = Object.entries(output.inputs).flatMap(([path, input]) => (input.bytesInOutput > 0 ? path : []));
    return { bytes: output.bytes, sources };
  });
}

/** `npm run bundle` */
async function main(): Promise<void> {
  for (const [name, bytes] of await bundleFunctions())
    console.log(`${bundleFolder(name).padEnd(26)} ${(bytes / 1e6).toFixed(2)} MB`);
}

if (require.main === module) void main();
