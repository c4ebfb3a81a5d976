import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

/** Deliveries of a message that fails before it is set aside. */
const tries = 5;

/** A queue, and beside it one for what could not be dealt with, of which an alarm tells. */
export class WorkQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  /** @param workTime the time limit of the function that takes from it */
  constructor(scope: Construct, id: string, workTime: Duration) {
    super(scope, id);
    const secured = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    this.deadLetters = new Queue(this, 'DeadLetters', { ...secured, retentionPeriod: Duration.days(14) });
    this.queue = new Queue(this, 'Queue', {
      ...secured,
      // Six times the time limit, as Lambda asks for: a message at work must not be delivered again.
      visibilityTimeout: Duration.seconds(6 * workTime.toSeconds()),
      retentionPeriod: Duration.days(4),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: tries },
    });
  }
}
