import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageFolder } from '../contract/page';
import { dashboardFiles, explorerFiles } from './files';

/** Part of `npm run bundle`: writes the files of the page for the stack. @returns bytes by file */
export async function bundlePage(root = join(__dirname, '..')): Promise<Map<string, number>> {
  const folder = join(root, pageFolder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sizes = new Map<string, number>();
  for (const files of [await dashboardFiles(), await explorerFiles()])
    for (const [name, contents] of files) {
      writeFileSync(join(folder, name), contents);
      sizes.set(name, contents.length);
    }
  return sizes;
}

async function main(): Promise<void> {
  for (const [name, bytes] of await bundlePage())
    console.log(`${`${pageFolder}/${name}`.padEnd(30)} ${(bytes / 1e6).toFixed(2)} MB`);
}

if (require.main === module) void main();
