import { computeSchema, formatQueues, parseQueues, type QueueKey } from '../../contract/compute';

describe('the machines of an experiment', () => {
  it('are spot g5 for a day where nothing is said', () => {
    expect(computeSchema.parse({})).toEqual({ capacity: 'spot', gpu: 'g5', timeoutSeconds: 86_400 });
  });
});

describe('the setting with the job queues', () => {
  it('is read as it was written, names and ARNs alike', () => {
    const queues = new Map<QueueKey, string>([
      ['g5:spot', 'a-queue'],
      ['p5:on-demand', 'arn:aws:batch:eu-west-1:1:job-queue/p5=x'],
    ]);
    expect(parseQueues(formatQueues(queues))).toEqual({ kind: 'valid', value: queues });
  });

  it('is refused with every problem', () => {
    const parsed = parseQueues('g5:spot=a,g5:spot=b,g7:spot=c,g5:on-demand');
    expect(parsed.kind === 'invalid' && parsed.problems.map(({ message }) => message)).toEqual([
      '"g5:spot" is given twice',
      '"g7:spot=c" is no queue: write <gpu>:<capacity>=<queue>, such as g5:spot=stillhouse-g5-spot',
      '"g5:on-demand" is no queue: write <gpu>:<capacity>=<queue>, such as g5:spot=stillhouse-g5-spot',
    ]);
  });
});
