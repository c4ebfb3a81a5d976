import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { StillhouseStack } from '../../cdk/stack';
import { context } from '../../cdk.json';
import {
  attemptKey,
  cancelledKey,
  checkpointKey,
  experimentKey,
  metricsKey,
  recordsKey,
  resultKey,
  specKey,
} from '../../contract/keys';
import { s3ObjectStore } from '../../contract/objects/s3';
import { bundleRoot } from '../testkit/bundle-root';
import { describeWithMoto, motoEnvironment } from '../testkit/moto-server';
import { type Resource, resourcesOf, textOf } from '../testkit/template';

/** What moto makes as CloudFormation would. The rest of the stack is named in its place. */
const made = /^AWS::(SNS::Topic|IAM::(Role|Policy))$/;
const bucket = 'results';
const email = 'ann@example.org';
const account = '123456789012';

/**
 * The template in moto, an independent implementation of CloudFormation, SNS, CloudWatch and IAM: who receives which alarm,
 * and what roles may do with objects. moto sends no e-mail, takes no action of an alarm and reads no topic policy.
 */
describeWithMoto('the stack as moto makes it', (moto) => {
  const root = bundleRoot();
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let template: Template;
  let roles: Map<string, string>;

  /** A call of the query protocol. @returns the answer's text */
  async function ask(service: string, version: string, action: string, given: Record<string, string> = {}) {
    const scope = `test/20260101/${motoEnvironment.AWS_REGION}/${service}/aws4_request`;
    const response = await fetch(moto().endpoint, {
      method: 'POST',
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0` },
      body: new URLSearchParams({ Action: action, Version: version, ...given }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${action}: ${text}`);
    return text;
  }
  const all = (text: string, name: string): string[] =>
    [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, found]) => found!);
  const sns = (action: string, given?: Record<string, string>) => ask('sns', '2010-03-31', action, given);
  const alarms = (action: string, given?: Record<string, string>) => ask('monitoring', '2010-08-01', action, given);

  beforeAll(async () => {
    template = Template.fromStack(
      new StillhouseStack(new App({ context }), 'Stillhouse', {
        bundleRoot: root,
        trainerImage: 'example.org/trainer:1',
      }),
    );
    await fetch(`${moto().endpoint}/${bucket}`, { method: 'PUT' });
    await ask('cloudformation', '2010-05-15', 'CreateStack', {
      StackName: 'Stillhouse',
      TemplateBody: JSON.stringify(partOf(template)),
      'Capabilities.member.1': 'CAPABILITY_NAMED_IAM',
    });
    const listed = await ask('cloudformation', '2010-05-15', 'ListStackResources', { StackName: 'Stillhouse' });
    const [logical, physical] = [all(listed, 'LogicalResourceId'), all(listed, 'PhysicalResourceId')];
    roles = new Map(logical.map((id, place) => [id, physical[place]!]));
  }, 60_000);

  /** Sets the alarms by CloudWatch's own call, since moto's CloudFormation makes none, nor subscriptions. */
  async function setAlarms(topic: string): Promise<string[]> {
    const given = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
    for (const { AlarmActions, Dimensions, MetricName, Namespace, Statistic, ...rest } of given) {
      const actions = AlarmActions.map((action: unknown) => textOf(action).replace(/^<AlarmsTopic\w+>$/, topic));
      const lists = [
        ...actions.map((action: string, place: number) => [`AlarmActions.member.${place + 1}`, action]),
        ...Dimensions.flatMap(({ Name, Value }: { Name: string; Value: unknown }, place: number) => [
          [`Dimensions.member.${place + 1}.Name`, Name],
          [`Dimensions.member.${place + 1}.Value`, textOf(Value)],
        ]),
      ];
      const plain = Object.entries({ MetricName, Namespace, Statistic, ...rest }).map(([name, value]) => [
        name,
        String(value),
      ]);
      await alarms('PutMetricAlarm', Object.fromEntries([...plain, ...lists]));
    }
    return given.map(({ AlarmName }) => textOf(AlarmName));
  }

  it('has every alarm tell the one topic, to which the e-mail address is subscribed', async () => {
    const topics = all(await sns('ListTopics'), 'TopicArn');
    expect(topics).toHaveLength(1);
    const set = await setAlarms(topics[0]!);
    const described = await alarms('DescribeAlarms');
    expect(all(described, 'AlarmName').sort()).toEqual([...set].sort());
    const told = described
      .split('<AlarmActions>')
      .slice(1)
      .map((part) => part.split('</AlarmActions>')[0]!);
    expect(told.map((actions) => all(actions, 'member'))).toEqual(set.map(() => topics));
    const [[, { Properties: wanted }]] = resourcesOf(template, 'AWS::SNS::Subscription') as [[string, Resource]];
    const Endpoint = textOf(wanted.Endpoint).replace('<AlarmEmail>', email);
    await sns('Subscribe', { TopicArn: topics[0]!, Protocol: wanted.Protocol, Endpoint });
    const subscriptions = await sns('ListSubscriptionsByTopic', { TopicArn: topics[0]! });
    expect([all(subscriptions, 'Protocol'), all(subscriptions, 'Endpoint')]).toEqual([['email'], [email]]);
    expect(await sns('Publish', { TopicArn: topics[0]!, Message: 'a try' })).toContain('<MessageId>');
  });

  it('takes the state that docs/aws.md has one set by hand to try the e-mail', async () => {
    const [, name] = /set-alarm-state --alarm-name "(.*?)"/.exec(
      readFileSync(join(__dirname, '../../docs/aws.md'), 'utf8'),
    )!;
    await alarms('SetAlarmState', { AlarmName: name!, StateValue: 'ALARM', StateReason: 'try' });
    const described = await alarms('DescribeAlarms', { 'AlarmNames.member.1': name! });
    expect(all(described, 'StateValue')).toEqual(['ALARM']);
  });

  describe('with IAM evaluated', () => {
    const evaluate = (after: number | 'never') =>
      fetch(`${moto().endpoint}/moto-api/reset-auth`, { method: 'POST', body: after === 'never' ? 'inf' : `${after}` });
    const before = { ...process.env };
    afterEach(async () => {
      await evaluate('never');
      Object.assign(process.env, before);
      delete process.env.AWS_SESSION_TOKEN;
    });

    /** Which of some keys a role may write, read and delete. */
    async function rightsOf(role: string, keys: Record<string, string>) {
      const [, name] = [...roles].find(([id]) => id.startsWith(role))!;
      const sts = new STSClient({ endpoint: moto().endpoint, region: motoEnvironment.AWS_REGION });
      const command = new AssumeRoleCommand({
        RoleArn: `arn:aws:iam::${account}:role/${name}`,
        RoleSessionName: 'test',
      });
      const { Credentials: given } = await sts.send(command);
      process.env.AWS_ACCESS_KEY_ID = given!.AccessKeyId;
      process.env.AWS_SECRET_ACCESS_KEY = given!.SecretAccessKey;
      process.env.AWS_SESSION_TOKEN = given!.SessionToken;
      await evaluate(0);
      const place = { bucket, prefix: '', endpoint: moto().endpoint, region: motoEnvironment.AWS_REGION };
      const objects = s3ObjectStore(place);
      const may = (act: Promise<unknown>) =>
        act.then(
          () => true,
          (error: Error) => {
            if (!/AccessDenied|denied|403/i.test(`${error.name} ${error.message}`)) throw error;
            return false;
          },
        );
      const rights: Record<string, string> = {};
      for (const [what, key] of Object.entries(keys)) {
        const asked = {
          write: may(objects.write(key, 'x')),
          read: may(objects.read(key)),
          delete: may(objects.delete(key)),
        };
        const found = await Promise.all(
          Object.entries(asked).map(async ([name, answer]) => ((await answer) ? name : '')),
        );
        rights[what] = found.filter((name) => name !== '').join(' ');
      }
      return rights;
    }

    const keys = {
      spec: specKey('r'),
      experiment: experimentKey('x'),
      attempt: attemptKey('r', 1),
      metrics: metricsKey('r', 1, 1),
      checkpoint: checkpointKey('r', 5, 'state.json'),
      result: resultKey('r'),
      cancelled: cancelledKey('r'),
      owner: recordsKey,
      data: 'data/train.csv',
    };

    it('lets a trainer write results of runs, read everything, and delete checkpoints alone', async () => {
      expect(await rightsOf('TrainingTrainerRole', keys)).toEqual({
        ...Object.fromEntries(Object.keys(keys).map((what) => [what, 'read'])),
        ...{ attempt: 'write read', metrics: 'write read', result: 'write read' },
        checkpoint: 'write read delete',
      });
    });

    it('lets the fan-out write and delete marks of stopped runs alone', async () => {
      expect(await rightsOf('fanoutRole', keys)).toEqual({
        ...Object.fromEntries(Object.keys(keys).map((what) => [what, 'read'])),
        cancelled: 'write read delete',
      });
    });
  });
});

/** The part of a template that moto makes, with names in place of what it lacks. */
function partOf(template: Template): object {
  const { Resources } = template.toJSON() as { Resources: Record<string, Resource> };
  const isMade = (id: string) => !(id in Resources) || made.test(Resources[id]!.Type);
  const objects = Object.keys(Resources).find((id) => id.startsWith('StorageObjects'))!;
  const replaced = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(replaced);
    if (typeof value !== 'object' || value === null) return value;
    const { Ref: id, 'Fn::GetAtt': attribute } = value as { Ref?: string; 'Fn::GetAtt'?: [string, string] };
    if (id === objects) return bucket;
    if (attribute?.[0] === objects) return `arn:aws:s3:::${bucket}`;
    if (id !== undefined && !isMade(id)) return id;
    if (attribute !== undefined && !isMade(attribute[0])) return `arn:aws:absent:::${attribute[0]}`;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, replaced(inner)]));
  };
  const kept = Object.entries(Resources).filter(([, { Type }]) => made.test(Type));
  return {
    Resources: Object.fromEntries(kept.map(([id, { DependsOn: _, ...resource }]) => [id, replaced(resource)] as const)),
  };
}
