import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build, type OutputFile, stop } from 'esbuild';
import { pageFiles } from '../contract/page';

/** The files of the page by their names, as they are served; `config.json` is made by whoever serves them. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** The dashboard: its script and styles bundled (0.8 s on two busy cores). */
export async function dashboardFiles(): Promise<Files> {
  const [outputs, html, icon] = await Promise.all([
    bundle({ entryPoints: { dashboard: join(__dirname, 'app/main.tsx') }, format: 'esm' }),
    readFile(join(__dirname, 'app/index.html')),
    readFile(join(__dirname, 'app/icon.svg')),
  ]);
  const output = (extension: string) => outputs.find(({ path }) => path.endsWith(extension))!.contents;
  return new Map<string, Uint8Array>([
    [pageFiles.html, html],
    [pageFiles.script, output('.js')],
    [pageFiles.styles, output('.css')],
    [pageFiles.icon, icon],
  ]);
}

/** The explorer: GraphiQL with all it needs (9 MB), so that it works without a network. */
export async function explorerFiles(): Promise<Files> {
  const [graphiql, [program], html] = await Promise.all([
    import('@graphql-yoga/render-graphiql/graphiql'),
    bundle({ entryPoints: { explorer: join(__dirname, 'app/explorer.ts') }, format: 'iife' }),
    readFile(join(__dirname, 'app/explorer.html')),
  ]);
  const { js, css, editorWorkerService, jsonWorker: json, graphqlWorker: graphql } = graphiql;
  const workers = JSON.stringify({ editorWorkerService, json, graphql });
  // The editor starts each worker by an address: that of a text which is here already.
  const environment = `{
    const workers = ${workers};
    self.MonacoEnvironment = {
      globalAPI: false,
      getWorkerUrl: (_, label) => URL.createObjectURL(new Blob([workers[label]], { type: 'text/javascript' })),
    };
  }`;
  return new Map<string, Uint8Array>([
    [pageFiles.explorer, html],
    [pageFiles.explorerStyles, Buffer.from(css)],
    [pageFiles.explorerScript, Buffer.from([environment, js, program!.text].join(';\n'))],
  ]);
}

async function bundle(options: Pick<BuildOptions, 'entryPoints' | 'format'>): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    ...options,
    outdir: '/',
    write: false,
    bundle: true,
    minify: true,
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.graphql': 'text' },
    logLevel: 'silent',
    legalComments: 'none',
  });
  // The service process of esbuild is not needed again.
  await stop();
  return outputFiles;
}
