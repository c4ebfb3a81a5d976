import { costAtRest, experimentCost } from '../../doctor/cost';

const resource = (Type: string, Properties: object = {}) => ({ Type, Properties });
const alarms = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, place) => [`Alarm${place}`, resource('AWS::CloudWatch::Alarm')]),
  );
const dollarsOf = (resources: object) =>
  costAtRest({ Resources: resources as never }).map(({ dollars }) => Number(dollars.toFixed(4)));

describe('the cost of a stack at rest', () => {
  it('is that of alarms beyond the ten that are free', () => {
    expect(dollarsOf(alarms(10))[0]).toBe(0);
    expect(dollarsOf(alarms(18))[0]).toBe(0.8);
  });

  it('is that of polling queues beyond a million requests', () => {
    const mapping = resource('AWS::Lambda::EventSourceMapping');
    // Five connections that ask every 20 seconds: 648,000 requests a month for each queue.
    expect(dollarsOf({ a: mapping })[1]).toBe(0);
    expect(dollarsOf({ a: mapping, b: mapping })[1]).toBeCloseTo(0.4 * 0.296, 4);
    const schedule = resource('AWS::Events::Rule', { ScheduleExpression: 'rate(1 minute)' });
    expect(dollarsOf({ a: mapping, b: mapping, schedule })[1]).toBeCloseTo(0.4 * (0.296 + 0.0864), 4);
  });

  it('is that of the image, where the stack keeps one', () => {
    const definition = (Image: unknown) => resource('AWS::Batch::JobDefinition', { ContainerProperties: { Image } });
    expect(dollarsOf({ trainer: definition({ 'Fn::Sub': '...' }) })).toContain(0.3);
    expect(dollarsOf({ trainer: definition('example.org/trainer:1') })).not.toContain(0.3);
  });

  it.each([
    ['AWS::EC2::NatGateway', {}],
    ['AWS::KMS::Key', {}],
    ['AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Interface' }],
  ])('is not made up where a resource may be paid by the hour: %s', (type, properties) => {
    expect(() => dollarsOf({ it: resource(type, properties) })).toThrow(`the cost at rest of ${type} is not known`);
  });
});

describe('the cost of an experiment', () => {
  it('counts the machines that start and wait beside its runs', () => {
    const perHour = 1.006 + 4.8 / 730 + 0.005;
    const [runs, machines] = experimentCost(20, 15, 'g5');
    expect(runs!.dollars).toBeCloseTo(5 * perHour, 10);
    // 16 machines at a time, each 10.5 minutes longer than its runs.
    expect(machines!.dollars).toBeCloseTo(2.8 * perHour, 10);
  });
});
