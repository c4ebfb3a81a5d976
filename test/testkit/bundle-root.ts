import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFolder, type LambdaFunction, lambdaFunctions } from '../../contract/aws';
import { pageFolder } from '../../contract/page';

/** A folder with what a stack is made of, without bundles that work: what functions do is tested with their handlers. */
export function bundleRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'stillhouse-cdk-'));
  for (const name of Object.keys(lambdaFunctions) as LambdaFunction[]) {
    mkdirSync(join(root, bundleFolder(name)), { recursive: true });
    writeFileSync(join(root, bundleFolder(name), 'index.mjs'), `export const handler = () => '${name}';\n`);
  }
  mkdirSync(join(root, pageFolder), { recursive: true });
  writeFileSync(join(root, pageFolder, 'index.html'), '<title>Stillhouse</title>');
  return root;
}
