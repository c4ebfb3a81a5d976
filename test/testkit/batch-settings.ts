import { type BatchSettings, batchDefaults } from '../../api/launcher/batch-settings';
import type { QueueKey } from '../../contract/compute';
import type { FakeBatch } from './fake-batch';

/** The settings of a stack with two queues, at the fake Batch. */
export function testBatchSettings(fake: FakeBatch, given: Partial<BatchSettings> = {}): BatchSettings {
  // The SDK wants these, whoever answers.
  Object.assign(process.env, { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 's' });
  const queues = new Map<QueueKey, string>([
    ['g5:spot', 'g5-spot'],
    ['g6:on-demand', 'g6-on-demand'],
  ]);
  return { ...batchDefaults, jobDefinition: 'stillhouse', queues, endpoint: fake.endpoint, ...given };
}
