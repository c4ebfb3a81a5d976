import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What a process of its own found out, as a line of text: an engine is started once a process. */
export async function lineOfProcess(what: string, file: string, argumentsGiven: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', '--import', 'tsx', file, ...argumentsGiven],
      { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' } },
    );
    return stdout.trim();
  } catch (error) {
    return `${what}, ${argumentsGiven[0]}: not measured: ${(error as { stderr: string }).stderr.trim().split('\n').at(-1)}`;
  }
}
