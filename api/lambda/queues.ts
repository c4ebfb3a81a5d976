import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { inParts } from '../shared/in-parts';
import type { Hints } from './invocation';

/** Texts in one message; each has some 80 bytes, and a message at most 256 KB. */
const textsPerMessage = 500;

/** Hints as messages of the two queues. */
export function queueHints(queues: { reconcileQueueUrl: string; liveUpdatesQueueUrl: string; region: string }): Hints {
  const client = new SQSClient({ region: queues.region });
  const send = async (QueueUrl: string, body: object) => {
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(body) }));
  };
  return {
    wake: () => send(queues.reconcileQueueUrl, { kind: 'wake' }),
    async announce({ changed = [], begun = [] }) {
      const parts = [
        ...inParts(changed, textsPerMessage).map((part) => ({ changed: part })),
        ...inParts(begun, textsPerMessage).map((part) => ({ begun: part })),
      ];
      await Promise.all(parts.map((part) => send(queues.liveUpdatesQueueUrl, part)));
    },
  };
}
