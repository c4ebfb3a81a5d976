import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Machine } from '../../contract/records';

/** Where EC2 tells an instance about itself. */
export const instanceMetadataAddress = 'http://169.254.169.254';
/** It answers in milliseconds, or not at all. */
const answerMilliseconds = 1000;

const identitySchema = z.object({ instanceId: z.string(), instanceType: z.string(), pendingTime: z.iso.datetime() });

/** A machine that somebody bills for. */
export interface BilledMachine {
  machine: Machine;
  /** Notes, at the end of an attempt, that the time of the machine is accounted for until now. */
  accountUntilNow(): Promise<void>;
}

/**
 * The EC2 instance this process runs on, by the instance metadata service (IMDSv2); null where it does not answer: the
 * attempt then has no price.
 * @param folder kept on the machine for as long as it lives: until when earlier attempts have accounted for it is noted here
 */
export async function findMachine(address: string, folder: string): Promise<BilledMachine | null> {
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
    const read = (path: string) => ask(path, { headers: { 'X-aws-ec2-metadata-token': token } });
    const identity = identitySchema.parse(JSON.parse(await read('dynamic/instance-identity/document')));
    const lifeCycle = await read('meta-data/instance-life-cycle').catch(() => '');
    const note = join(folder, 'machines', identity.instanceId);
    const machine: Machine = {
      instanceType: identity.instanceType,
      capacity: lifeCycle === 'spot' || lifeCycle === 'on-demand' ? lifeCycle : null,
      billedFrom: (await readTime(note)) ?? new Date(identity.pendingTime).toISOString(),
    };
    return { machine, accountUntilNow: () => writeTime(note) };
  } catch {
    return null;
  }
}

async function readTime(path: string): Promise<string | null> {
  const noted = z.iso.datetime().safeParse(await readFile(path, 'utf8').catch(() => ''));
  return noted.success ? noted.data : null;
}

/** Without the note the next attempt accounts for more, which errs to the safe side. */
async function writeTime(path: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true })
    .then(() => writeFile(path, new Date().toISOString()))
    .catch(() => {});
}
