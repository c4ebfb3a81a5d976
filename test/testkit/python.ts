import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The Python of tests that compare with its libraries: `STILLHOUSE_TEST_PYTHON`, else `python3`. */
const python = process.env.STILLHOUSE_TEST_PYTHON ?? 'python3';

/** Tests that need Python packages: skipped, with the reason in their name, where one of them is missing. */
export function describeWithPython(name: string, packages: readonly string[], tests: () => void): void {
  const probe = spawnSync(python, ['-c', `import ${packages.join(', ')}`]);
  if (probe.status === 0) describe(name, tests);
  else describe.skip(`${name} (skipped: no ${python} with ${packages.join(', ')}; set STILLHOUSE_TEST_PYTHON)`, tests);
}

/** What a script of this folder prints as JSON on being given `input` as JSON. */
export function runPython<T>(script: string, input: object): T {
  const output = execFileSync(python, [join(__dirname, script)], {
    input: JSON.stringify(input),
    maxBuffer: 2 ** 28,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return JSON.parse(output.toString());
}
