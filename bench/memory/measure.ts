import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What a process found out about one engine (`steps.ts`), as a line of text. */
export async function measureMemory(engine: 'native' | 'portable'): Promise<string> {
  const file = join(__dirname, 'steps.ts');
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', 'tsx', file, engine], {
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
    });
    return stdout.trim();
  } catch (error) {
    return `memory, ${engine}: not measured: ${(error as { stderr: string }).stderr.trim().split('\n').at(-1)}`;
  }
}
