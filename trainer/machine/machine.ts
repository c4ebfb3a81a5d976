import type { Machine } from '../../contract/records';

/** Where EC2 tells an instance about itself. */
export const instanceMetadataAddress = 'http://169.254.169.254';
/** It answers in milliseconds, or not at all. */
const answerMilliseconds = 1000;

/**
 * The EC2 instance this process runs on, by the instance metadata service (IMDSv2); null where it does not answer: the
 * attempt then has no price.
 */
export async function findMachine(address: string): Promise<Machine | null> {
  const ask = async (path: string, init: RequestInit): Promise<string> => {
    const response = await fetch(`${address}/latest/${path}`, {
      ...init,
      signal: AbortSignal.timeout(answerMilliseconds),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.text();
  };
  try {
    const token = await ask('api/token', {
      method: 'PUT',
      headers: { 'X-aws-ec2-metadata-token-ttl-seconds': '60' },
    });
    const read = (path: string) => ask(`meta-data/${path}`, { headers: { 'X-aws-ec2-metadata-token': token } });
    const instanceType = await read('instance-type');
    const lifeCycle = await read('instance-life-cycle').catch(() => '');
    return { instanceType, capacity: lifeCycle === 'spot' || lifeCycle === 'on-demand' ? lifeCycle : null };
  } catch {
    return null;
  }
}
