import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import recommendedFlags from 'aws-cdk-lib/recommended-feature-flags.json';
import { AwsSolutionsChecks } from 'cdk-nag';
import { noPrices, priceOf } from '../../api/cost/prices';
import { bundlePrograms } from '../../api/lambda/bundle';
import { chooseDomain } from '../../cdk/domain';
import { chooseForRegion, regionOffers } from '../../cdk/regions';
import { StillhouseStack, type StillhouseStackProps } from '../../cdk/stack';
import { context } from '../../cdk.json';
import { functionVariables, type LambdaFunction, lambdaFunctions, lambdaHandler } from '../../contract/aws';
import { capacities, gpuTypes, instanceSizes, parseQueues } from '../../contract/compute';
import {
  adapterFolder,
  attemptEndKey,
  attemptKey,
  cancelledKey,
  checkpointKey,
  experimentKey,
  historyKey,
  jobManifestKey,
  metricsKey,
  modelKey,
  predictionsKey,
  progressKey,
  resultKey,
  specKey,
} from '../../contract/keys';
import { costAtRest } from '../../doctor/cost';
import { bundleRoot } from '../testkit/bundle-root';
import {
  matches,
  permissionsOf,
  type Resource,
  resourcesOf,
  statementsOf,
  summaryOf,
  textOf,
} from '../testkit/template';

const functionNames = Object.keys(lambdaFunctions) as LambdaFunction[];
describe('the stack', () => {
  const root = bundleRoot();
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let template: Template;
  let findings: () => unknown;

  beforeAll(() => {
    const app = new App({ context, outdir: join(root, 'cdk.out') });
    const stack = new StillhouseStack(app, 'Stillhouse', { bundleRoot: root });
    template = Template.fromStack(stack);
    findings = () => {
      Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
      return app.synth({ force: true });
    };
  });

  const resources = (type: string) => resourcesOf(template, type);
  const functionOf = (name: LambdaFunction): Resource =>
    resources('AWS::Lambda::Function').find(([id]) => id.startsWith(`${name.replace('-', '')}Function`))![1];
  const roleOf = (name: LambdaFunction): string => functionOf(name).Properties.Role['Fn::GetAtt'][0];
  /** Statements of the policies of a function's role, as text. */
  const permissions = (name: LambdaFunction): string => JSON.stringify(permissionsOf(template, roleOf(name)));

  const trainerRole = (): string => resources('AWS::IAM::Role').find(([id]) => id.includes('TrainerRole'))![0];

  it('keeps to the rules of cdk-nag, but for the findings that are acknowledged with a reason', () => {
    expect(findings).not.toThrow();
  });

  it('keeps a private bucket that takes nothing without TLS, and forgets old checkpoints and unfinished uploads', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
        VersioningConfiguration: Match.absent(),
        LifecycleConfiguration: {
          Rules: [
            Match.objectLike({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }),
            Match.objectLike({ ExpirationInDays: 30, TagFilters: [{ Key: 'stillhouse', Value: 'checkpoint' }] }),
          ],
        },
      },
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });

  it('has a queue for each of the usual kinds of machine, spot and on-demand, that rests at none', () => {
    const environments = resources('AWS::Batch::ComputeEnvironment').map(([, { Properties }]) => Properties);
    const types = environments.map(({ ComputeResources: { Type, InstanceTypes } }) => `${Type} ${InstanceTypes}`);
    expect(types.sort()).toEqual([
      'EC2 g4dn.xlarge,g4dn.2xlarge,g4dn.4xlarge',
      'EC2 g5.xlarge,g5.2xlarge,g5.4xlarge',
      'SPOT g4dn.xlarge,g4dn.2xlarge,g4dn.4xlarge',
      'SPOT g5.xlarge,g5.2xlarge,g5.4xlarge',
    ]);
    for (const { ComputeResources } of environments) {
      expect(ComputeResources.MinvCpus).toBe(0);
      expect(ComputeResources.Ec2Configuration).toEqual([{ ImageType: 'ECS_AL2023_NVIDIA' }]);
      expect(ComputeResources.LaunchTemplate.Version).toEqual({
        'Fn::GetAtt': [expect.any(String), 'LatestVersionNumber'],
      });
    }
    for (const [, { Properties }] of resources('AWS::Batch::JobQueue'))
      expect(Properties.JobStateTimeLimitActions.map(({ Reason }: { Reason: string }) => Reason)).toEqual([
        'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT',
        'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE',
        'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY',
      ]);
  });

  it('divides the machines of a queue among the experiments that wait in it', () => {
    const [[policy, { Properties: given }]] = resources('AWS::Batch::SchedulingPolicy') as [[string, Resource]];
    // Shares that are not listed weigh 1 each.
    expect(given.FairsharePolicy ?? {}).not.toHaveProperty('ComputeReservation');
    expect(given.FairsharePolicy?.ShareDistribution ?? []).toEqual([]);
    for (const [, { Properties }] of resources('AWS::Batch::JobQueue'))
      expect(textOf(Properties.SchedulingPolicyArn)).toMatch(new RegExp(`^<${policy}`));
    template.hasResourceProperties('AWS::Batch::JobDefinition', { SchedulingPriority: 1 });
  });

  it('lets those who launch end jobs of this service alone, and children of arrays, which carry no tags', () => {
    for (const name of ['batch-events', 'reconcile'] as const) {
      const ending = permissionsOf(template, roleOf(name)).filter(({ actions }) =>
        actions.includes('batch:TerminateJob'),
      );
      expect(
        ending.map(({ resources: jobs, conditions }) => [jobs.map((job) => job.split('>:').at(-1)), conditions]),
      ).toEqual([
        [['job/*'], { Null: { 'aws:ResourceTag/stillhouse:experiment': 'false' } }],
        [['job/*:*'], undefined],
      ]);
    }
  });

  it('names no machine whose size has more than one GPU, or no price', () => {
    for (const gpu of gpuTypes)
      for (const size of instanceSizes[gpu]) {
        const price = priceOf({ instanceType: `${gpu}.${size}`, capacity: 'on-demand' }, noPrices);
        expect([gpu, size, price?.source]).toEqual([gpu, size, expect.not.stringContaining('one of its')]);
      }
  });

  it('tells the launcher of every queue', () => {
    const setting = functionOf('reconcile').Properties.Environment.Variables[functionVariables.batchQueues];
    const parsed = parseQueues(textOf(setting));
    expect(parsed.kind === 'valid' && [...parsed.value.keys()].sort()).toEqual(
      ['g4dn', 'g5'].flatMap((gpu) => [...capacities].sort().map((capacity) => `${gpu}:${capacity}`)),
    );
  });

  it('hears of a spot machine that is taken back two minutes ahead, and gives a trainer 110 seconds of them', () => {
    const [[, { Properties }]] = resources('AWS::EC2::LaunchTemplate') as [[string, Resource]];
    const userData = textOf(
      Properties.LaunchTemplateData.UserData['Fn::Base64'] ?? Properties.LaunchTemplateData.UserData,
    );
    expect(userData).toContain('ECS_ENABLE_SPOT_INSTANCE_DRAINING=true');
    expect(userData).toContain('ECS_CONTAINER_STOP_TIMEOUT=110s');
  });

  it('tells the trainer its region', () => {
    const [[, { Properties }]] = resources('AWS::Batch::JobDefinition') as [[string, Resource]];
    expect(Properties.ContainerProperties.Environment).toContainEqual({
      Name: 'AWS_REGION',
      Value: { Ref: 'AWS::Region' },
    });
  });

  it('runs the trainer on one GPU with the cache of the machine, as anybody but root', () => {
    template.hasResourceProperties('AWS::Batch::JobDefinition', {
      ContainerProperties: {
        ResourceRequirements: Match.arrayWith([{ Type: 'GPU', Value: '1' }]),
        Volumes: [{ Host: { SourcePath: '/mnt/cache' }, Name: 'cache' }],
        MountPoints: [Match.objectLike({ ContainerPath: '/cache' })],
        Privileged: Match.absent(),
      },
    });
  });

  it.each(functionNames)('gives %s the variables that it reads, and no others', (name) => {
    const { Environment, Handler } = functionOf(name).Properties;
    expect(Object.keys(Environment.Variables).sort()).toEqual(
      lambdaFunctions[name].map((key) => functionVariables[key]).sort(),
    );
    expect(Handler).toBe(lambdaHandler);
  });

  it('lets one function alone be admin of the records, and the others connect', () => {
    for (const name of functionNames) {
      expect(permissions(name).includes('dsql:DbConnectAdmin')).toBe(name === 'migrate');
      expect(permissions(name).includes('"dsql:DbConnect"')).toBe(name !== 'migrate');
    }
  });

  it('migrates the records before anything works with them, and lets the functions in', () => {
    const [[, { Properties }]] = resources('AWS::CloudFormation::CustomResource') as [[string, Resource]];
    expect(Properties.role).toBe('stillhouse');
    expect(Properties.principals).toHaveLength(functionNames.length - 1);
  });

  it('makes the records before any function that works with them, and new code meets the new schema', () => {
    const [[migration]] = resources('AWS::CloudFormation::CustomResource') as [[string, Resource]];
    for (const name of functionNames.filter((each) => each !== 'migrate'))
      expect([name, functionOf(name).DependsOn]).toEqual([name, expect.arrayContaining([migration])]);
  });

  it('is refused by a mistaken issuer before anything that takes minutes or stays', () => {
    const [[authorizer]] = resources('AWS::ApiGatewayV2::Authorizer') as [[string, Resource]];
    // The bucket of the page goes with the stack.
    for (const type of ['AWS::S3::Bucket', 'AWS::DSQL::Cluster', 'AWS::Batch::ComputeEnvironment', 'AWS::EC2::VPC'])
      for (const [id, { DependsOn, DeletionPolicy }] of resources(type))
        if (DeletionPolicy !== 'Delete') expect([id, DependsOn]).toEqual([id, expect.arrayContaining([authorizer])]);
  });

  it('lets those write objects and submit jobs who have to', () => {
    const who = (action: string) => functionNames.filter((name) => permissions(name).includes(action));
    expect(who('"s3:PutObject"')).toEqual(['graphql', 'fan-out', 'batch-events', 'reconcile']);
    expect(who('batch:SubmitJob')).toEqual(['batch-events', 'reconcile']);
    expect(who('execute-api:ManageConnections')).toEqual(['socket', 'fan-out', 'reconcile']);
    for (const name of functionNames) expect(permissions(name)).not.toContain('"s3:*"');
  });

  it('lets the fan-out write and delete the marks of stopped runs, and nothing else', () => {
    const changing = permissionsOf(template, roleOf('fan-out')).filter(({ actions }) =>
      actions.some((action) => /^s3:(Put|Delete)/.test(action)),
    );
    const patterns = changing.flatMap((statement) => statement.resources.map((each) => each.split('>/')[1]!));
    expect(patterns.length).toBeGreaterThan(0);
    for (const pattern of patterns) {
      expect(matches(pattern, cancelledKey('r'))).toBe(true);
      for (const other of [specKey('r'), resultKey('r'), progressKey('r'), experimentKey('x')])
        expect(matches(pattern, other)).toBe(false);
    }
  });

  it('lets a trainer write what comes of runs, no definition, and delete nothing but checkpoints', () => {
    /** Whether a statement allows an action on a key. */
    const allows = (action: string, key: string): boolean =>
      permissionsOf(template, trainerRole())
        .filter(({ actions }) => actions.includes(action))
        .some(({ resources: patterns }) => patterns.some((pattern) => matches(pattern.split('>/')[1]!, key)));
    const written = [
      ...[attemptKey('r', 1), attemptEndKey('r', 1), metricsKey('r', 1, 1), progressKey('r'), resultKey('r')],
      ...[checkpointKey('r', 5, 'state.json'), predictionsKey('r', 'dev', 1), historyKey('r')],
      ...[modelKey('r', 'student.safetensors'), modelKey('r', `${adapterFolder}/adapter_config.json`)],
    ];
    const others = [specKey('r'), cancelledKey('r'), experimentKey('x'), jobManifestKey('j'), 'inputs/train.csv'];
    for (const key of written) expect([key, allows('s3:PutObject', key)]).toEqual([key, true]);
    for (const key of others) expect([key, allows('s3:PutObject', key)]).toEqual([key, false]);
    const deletable = [...written, ...others].filter((key) => allows('s3:DeleteObject', key));
    expect(deletable).toEqual([checkpointKey('r', 5, 'state.json')]);
  });

  it('asks for a token at the door of the HTTP API', () => {
    template.hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      AuthorizerType: 'JWT',
      JwtConfiguration: { Audience: [{ Ref: 'OidcAudience' }], Issuer: { Ref: 'OidcIssuer' } },
    });
    const routes = resources('AWS::ApiGatewayV2::Route').map(([, { Properties }]) => Properties);
    const unguarded = routes
      .filter(({ AuthorizationType }) => AuthorizationType !== 'JWT')
      .map(({ RouteKey }) => RouteKey);
    expect(unguarded.sort()).toEqual(['$connect', '$default', '$disconnect']);
  });

  it('sets messages aside after five tries, and waits long enough between two', () => {
    for (const [, { Properties }] of resources('AWS::SQS::Queue')) {
      if (Properties.RedrivePolicy === undefined) continue;
      expect(Properties.RedrivePolicy.maxReceiveCount).toBe(5);
      expect(Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * 120);
    }
    for (const [, { Properties }] of resources('AWS::Lambda::EventSourceMapping'))
      expect(Properties.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
  });

  it('serves the page from a private bucket, which CloudFront alone reads', () => {
    const [id, bucket] = resources('AWS::S3::Bucket').find(([name]) => name.startsWith('Page'))!;
    expect(Object.values(bucket.Properties.PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
    const policy = resources('AWS::S3::BucketPolicy').find(([, { Properties }]) => Properties.Bucket.Ref === id)![1];
    const allowed = policy.Properties.PolicyDocument.Statement.filter(
      ({ Effect }: { Effect: string }) => Effect === 'Allow',
    );
    expect(allowed).toMatchObject([
      { Action: 's3:GetObject', Principal: { Service: 'cloudfront.amazonaws.com' }, Condition: { StringEquals: {} } },
    ]);
  });

  it('lets the page ask its own origin, the WebSocket API and the issuer', () => {
    for (const [, { Properties }] of resources('AWS::CloudFront::ResponseHeadersPolicy')) {
      const { SecurityHeadersConfig: headers } = Properties.ResponseHeadersPolicyConfig;
      const text = JSON.stringify(headers.ContentSecurityPolicy.ContentSecurityPolicy);
      expect(text).toMatch(/default-src 'none'; script-src 'self';.* connect-src 'self' wss:/);
      for (const source of ['LiveUpdatesWebSocketApi', 'OidcIssuer', 'OidcOrigins']) expect(text).toContain(source);
      expect(text).not.toMatch(/\*|unsafe-eval|script-src[^;]*unsafe/);
    }
  });

  it('passes requests to the API on with their token, and caches none of the answers', () => {
    const [[, { Properties }]] = resources('AWS::CloudFront::Distribution') as [[string, Resource]];
    const behaviours = Properties.DistributionConfig.CacheBehaviors;
    expect(behaviours.find(({ PathPattern }: { PathPattern: string }) => PathPattern === '/graphql')).toMatchObject({
      // AWS's own policies: CachingDisabled, AllViewerExceptHostHeader.
      CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
      OriginRequestPolicyId: 'b689b0a8-53d0-40ab-baf2-68738e2966ac',
      ViewerProtocolPolicy: 'https-only',
      AllowedMethods: expect.arrayContaining(['POST']),
    });
  });

  it('has S3 tell of what trainers write', () => {
    template.hasResourceProperties('Custom::S3BucketNotifications', {
      NotificationConfiguration: {
        QueueConfigurations: ['.json', '.jsonl'].map((Value) =>
          Match.objectLike({
            Filter: {
              Key: {
                FilterRules: Match.arrayWith([
                  { Name: 'suffix', Value },
                  { Name: 'prefix', Value: 'runs/' },
                ]),
              },
            },
          }),
        ),
      },
    });
  });

  it('watches queues, functions, the reconciler and what is stuck, and warns of the bill', () => {
    // Two for each of two queues, two for each function, the reconciler's heartbeat, runs without a machine.
    template.resourceCountIs('AWS::CloudWatch::Alarm', 4 + 2 * functionNames.length + 2);
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: { 'detail-type': ['Batch Job Queue Blocked'] },
    });
    template.hasResource('AWS::Budgets::Budget', {
      Condition: Match.stringLikeRegexp('^AlarmsHasBudget'),
      Properties: { Budget: { BudgetLimit: { Amount: { Ref: 'MonthlyBudget' } } } },
    });
  });

  it('raises no alarm of a stack that has just been made', () => {
    template.allResourcesProperties('AWS::CloudWatch::Alarm', { TreatMissingData: 'notBreaching' });
  });

  it('lets every sender publish where it sends to: alarms and rules to their topics, rules and S3 to their queues', () => {
    const target = (arn: unknown) => textOf(arn).replace(/^<(.*?)(\.\w+)?>$/, '$1');
    const deliveries = [
      ...resources('AWS::CloudWatch::Alarm').flatMap(([id, { Properties }]) =>
        Properties.AlarmActions.map((arn: unknown) => [id, 'cloudwatch.amazonaws.com', 'sns:Publish', target(arn)]),
      ),
      ...resources('AWS::Events::Rule').flatMap(([id, { Properties }]) =>
        Properties.Targets.map(({ Arn }: { Arn: unknown }) => {
          const type = template.toJSON().Resources[target(Arn)].Type;
          const action = { 'AWS::SNS::Topic': 'sns:Publish', 'AWS::SQS::Queue': 'sqs:SendMessage' }[type as string];
          return [id, 'events.amazonaws.com', action ?? 'lambda:InvokeFunction', target(Arn)];
        }),
      ),
      ...resources('Custom::S3BucketNotifications').flatMap(([id, { Properties }]) =>
        Properties.NotificationConfiguration.QueueConfigurations.map(({ QueueArn }: { QueueArn: unknown }) => [
          id,
          's3.amazonaws.com',
          'sqs:SendMessage',
          target(QueueArn),
        ]),
      ),
    ] as [string, string, string, string][];
    const policies = ['AWS::SNS::TopicPolicy', 'AWS::SQS::QueuePolicy'].flatMap((type) =>
      resources(type).flatMap(([, { Properties }]) =>
        statementsOf(Properties.PolicyDocument).filter(({ effect }) => effect === 'Allow'),
      ),
    );
    const invocations = resources('AWS::Lambda::Permission').map(([, { Properties }]) => ({
      actions: [Properties.Action],
      principals: [`service:${Properties.Principal}`],
      resources: [textOf(Properties.FunctionName)],
    }));
    expect(deliveries.length).toBeGreaterThan(20);
    for (const [id, sender, action, receiver] of deliveries) {
      const allowing = [...policies, ...invocations].filter(
        ({ actions, principals, resources: receivers }) =>
          actions.includes(action) &&
          principals.includes(`service:${sender}`) &&
          receivers.some((each) => target(each) === receiver || each.includes(receiver)),
      );
      expect([id, sender, receiver, allowing.length > 0]).toEqual([id, sender, receiver, true]);
    }
  });

  it('costs about a dollar a month at rest, and nothing by the hour', () => {
    const expenses = costAtRest(template.toJSON() as never);
    const total = expenses.reduce((sum, { dollars }) => sum + dollars, 0);
    expect([total, total > 0.5 && total < 1.5]).toEqual([total, true]);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 90 });
  });

  it('has these names, permissions and environments', () => {
    expect(summaryOf(template)).toMatchSnapshot();
  });

  it('lets each program make every AWS call that its code contains', async () => {
    const programs = [...functionNames.map((name) => [name, `api/lambda/${name}.ts`]), ['trainer', trainerStorage]];
    const repository = join(__dirname, '..', '..');
    const entries = programs.map(([name, path]) => [name!, join(repository, path!)]);
    const bundles = await bundlePrograms(Object.fromEntries(entries), join(root, 'programs'));
    for (const [place, [name]] of programs.entries()) {
      const role = name === 'trainer' ? trainerRole() : roleOf(name as LambdaFunction);
      const allowed = permissionsOf(template, role).flatMap(({ actions }) => actions);
      const needed = actionsOf(bundles[place]!.sources);
      expect([name, needed.filter((action) => !allowed.includes(action))]).toEqual([name, []]);
      expect([name, needed.length > 0]).toEqual([name, name !== 'migrate']);
    }
  }, 120_000);
});

/** The part of the trainer that calls AWS. */
const trainerStorage = 'contract/objects/s3.ts';

/** Actions of IAM that the calls of the AWS SDK in a program need, told by the commands that its bundle holds. */
function actionsOf(sources: readonly string[]): string[] {
  const commands = sources.flatMap((path) => {
    const found = /@aws-sdk\/client-([\w-]+)\/dist-es\/commands\/(\w+)Command\.js$/.exec(path);
    return found === null ? [] : [[found[1]!, found[2]!] as const];
  });
  return [...new Set(commands.flatMap(([service, command]) => actionOf(service, command)))].sort();
}

/** The action of a call, as the Service Authorization Reference has it: mostly of the same name. */
function actionOf(service: string, command: string): string[] {
  if (service === 'apigatewaymanagementapi') return ['execute-api:ManageConnections'];
  if (service !== 's3') return [`${service}:${command}`];
  // Of directory buckets, which the SDK asks for by itself where a bucket is one.
  if (command === 'CreateSession') return [];
  const others: Record<string, string> = {
    HeadObject: 'GetObject',
    ListObjectsV2: 'ListBucket',
    CreateMultipartUpload: 'PutObject',
    UploadPart: 'PutObject',
    CompleteMultipartUpload: 'PutObject',
  };
  return [`s3:${others[command] ?? command}`];
}

it('says what to do where the functions were not bundled', () => {
  expect(() => new StillhouseStack(new App({ context }), 'Stillhouse', { bundleRoot: '/nowhere' })).toThrow(
    'npm run bundle',
  );
});

describe('a stack for a region', () => {
  const root = bundleRoot();
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const stackFor = (given: StillhouseStackProps): Template =>
    Template.fromStack(
      // The image is another matter, and takes long to look at.
      new StillhouseStack(new App({ context }), 'Stillhouse', {
        bundleRoot: root,
        trainerImage: 'example.org/trainer:1',
        ...given,
      }),
    );

  it('has no budget where CloudFormation knows none', () => {
    stackFor({ targetRegion: 'eu-north-1' }).resourceCountIs('AWS::Budgets::Budget', 0);
  });

  it('has a subnet in every zone', () => {
    stackFor({ targetRegion: 'us-west-2' }).resourceCountIs('AWS::EC2::Subnet', 4);
    stackFor({ targetRegion: 'eu-west-1' }).resourceCountIs('AWS::EC2::Subnet', 3);
  });

  it('has room for as many runs in a queue, however large the smallest machine is', () => {
    const template = stackFor({ targetRegion: 'us-east-1', gpus: 'g5,p5' });
    const most = resourcesOf(template, 'AWS::Batch::ComputeEnvironment').map(([, { Properties }]) => [
      Properties.ComputeResources.InstanceTypes[0],
      Properties.ComputeResources.MaxvCpus,
    ]);
    expect(Object.fromEntries(most)).toEqual({ 'g5.xlarge': 64, 'p5.4xlarge': 256 });
  });

  it('takes only families that the region has, and says which those are', () => {
    expect(() => stackFor({ targetRegion: 'eu-west-1', gpus: 'g5,g6,g7' })).toThrow(
      'gpus: "g7" is not one of the families g4dn, g5, g6, g6e, p5\n' +
        'gpus: eu-west-1 has no machines of g6 (table of 30 November 2026); it has g4dn, g5.',
    );
    const families = resourcesOf(stackFor({ targetRegion: 'eu-west-1', gpus: 'g5' }), 'AWS::Batch::JobQueue');
    expect(families).toHaveLength(capacities.length);
  });

  it('is refused where there is no Aurora DSQL', () => {
    expect(() => stackFor({ targetRegion: 'af-south-1' })).toThrow('Aurora DSQL is not offered in af-south-1');
    expect(() => stackFor({ targetRegion: 'af-south-1', unchecked: true })).not.toThrow();
  });

  it('has default families wherever there are machines for runs', () => {
    for (const [region, { gpus }] of Object.entries(regionOffers))
      expect([region, chooseForRegion(region, '', false)]).toEqual([
        region,
        gpus.length === 0
          ? { kind: 'refused', messages: [expect.stringContaining(`${region} has no GPU machines`)] }
          : expect.objectContaining({ kind: 'chosen', gpus: expect.not.arrayContaining([undefined]) }),
      ]);
  });
});

describe('a stack that goes on with what an earlier one left', () => {
  const root = bundleRoot();
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let template: Template;
  beforeAll(() => {
    const given = {
      bucket: 'old-bucket',
      cluster: 'abcdefghijklmnopqrstuvwxyz',
      trainerImage: 'example.org/trainer:1',
    };
    template = Template.fromStack(
      new StillhouseStack(new App({ context }), 'Stillhouse', {
        bundleRoot: root,
        readableBuckets: ['inputs'],
        graphqlConcurrency: 100,
        ...given,
      }),
    );
  });

  it('reserves the concurrency that is asked for, for GraphQL requests alone', () => {
    const reserved = resourcesOf(template, 'AWS::Lambda::Function').flatMap(([id, { Properties }]) =>
      Properties.ReservedConcurrentExecutions === undefined ? [] : [[id, Properties.ReservedConcurrentExecutions]],
    );
    expect(reserved).toEqual([[expect.stringMatching(/^graphql/), 100]]);
  });

  it('makes no bucket and no cluster, and keeps the bucket to TLS', () => {
    template.resourceCountIs('AWS::DSQL::Cluster', 0);
    const buckets = resourcesOf(template, 'AWS::S3::Bucket').map(([id]) => id);
    expect(buckets.filter((id) => !id.startsWith('Page'))).toEqual([]);
    template.hasResourceProperties('AWS::S3::BucketPolicy', { Bucket: 'old-bucket' });
    template.hasResourceProperties('Custom::S3BucketNotifications', { BucketName: 'old-bucket', Managed: false });
  });

  it('tells its functions of both', () => {
    for (const [, { Properties }] of resourcesOf(template, 'AWS::Lambda::Function')) {
      const { STILLHOUSE_BUCKET: bucket, STILLHOUSE_DATABASE_HOST: host } = Properties.Environment?.Variables ?? {};
      if (bucket !== undefined) expect(bucket).toBe('old-bucket');
      if (host !== undefined) expect(textOf(host)).toBe('abcdefghijklmnopqrstuvwxyz.dsql.<AWS::Region>.on.aws');
    }
  });

  it('runs the image that was built elsewhere, and lets it read the other buckets', () => {
    template.hasResourceProperties('AWS::Batch::JobDefinition', {
      ContainerProperties: { Image: 'example.org/trainer:1' },
    });
    const [role] = resourcesOf(template, 'AWS::IAM::Role').find(([id]) => id.includes('TrainerRole'))!;
    const read = permissionsOf(template, role).filter(({ actions }) => actions.includes('s3:GetObject'));
    expect(read.flatMap(({ resources }) => resources)).toContain('arn:<AWS::Partition>:s3:::inputs/*');
  });
});

describe('a stack whose dashboard has a name of its own', () => {
  const root = bundleRoot();
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const domain = {
    name: 'stillhouse.example.org',
    certificate: 'arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-0000-4000-8000-000000000000',
    hostedZone: 'Z0123456789ABC',
  };
  const stackWith = (hostedZone: string | null): Template =>
    Template.fromStack(
      new StillhouseStack(new App({ context }), 'Stillhouse', {
        bundleRoot: root,
        trainerImage: 'example.org/trainer:1',
        domain: { ...domain, hostedZone },
      }),
    );

  it('shows the certificate, takes TLS from 1.2, and is named in its zone and in the outputs', () => {
    const template = stackWith(domain.hostedZone);
    template.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: {
        Aliases: [domain.name],
        ViewerCertificate: {
          AcmCertificateArn: domain.certificate,
          MinimumProtocolVersion: 'TLSv1.2_2021',
          SslSupportMethod: 'sni-only',
        },
      },
    });
    const [[distribution]] = resourcesOf(template, 'AWS::CloudFront::Distribution') as [[string, Resource]];
    const records = resourcesOf(template, 'AWS::Route53::RecordSet').map(([, { Properties }]) => [
      Properties.Type,
      Properties.Name,
      Properties.HostedZoneId,
      textOf(Properties.AliasTarget.DNSName),
    ]);
    const leadsTo = `<${distribution}.DomainName>`;
    expect(records.sort()).toEqual([
      ['A', `${domain.name}.`, domain.hostedZone, leadsTo],
      ['AAAA', `${domain.name}.`, domain.hostedZone, leadsTo],
    ]);
    template.hasOutput('DashboardUrl', { Value: `https://${domain.name}/` });
    expect(() => costAtRest(template.toJSON() as never)).not.toThrow();
  });

  it('has no records where its zone is kept elsewhere', () => {
    stackWith(null).resourceCountIs('AWS::Route53::RecordSet', 0);
  });

  it('is refused with all that is wrong with its context', () => {
    expect(chooseDomain({ name: null, certificate: null, hostedZone: null })).toEqual({ kind: 'chosen', domain: null });
    expect(chooseDomain(domain)).toEqual({ kind: 'chosen', domain });
    expect(chooseDomain({ ...domain, name: null, certificate: null })).toEqual({
      kind: 'refused',
      messages: [expect.stringMatching(/^domain: is missing/), expect.stringMatching(/^certificate: is missing/)],
    });
    const certificate = domain.certificate.replace('us-east-1', 'eu-west-1');
    expect(chooseDomain({ name: 'https://a.org', certificate, hostedZone: 'example.org' })).toEqual({
      kind: 'refused',
      messages: [
        expect.stringMatching(/^domain: "https:\/\/a.org" is not a name/),
        expect.stringMatching(/^certificate: .*eu-west-1.* in us-east-1/),
        expect.stringMatching(/^hostedZone: "example.org" is not the ID/),
      ],
    });
  });
});

describe('feature flags of the CDK', () => {
  const root = bundleRoot();
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('are those that the installed version recommends', () => {
    expect(context).toEqual(recommendedFlags);
  });

  it('leave everything that holds data as it is without them', () => {
    const templateWith = (flags: object): Template =>
      Template.fromStack(
        new StillhouseStack(new App({ context: { ...flags } }), 'Stillhouse', {
          bundleRoot: root,
          trainerImage: 'example.org/trainer:1',
        }),
      );
    const holding = /^AWS::(S3::Bucket|DSQL::Cluster|SQS::Queue|Logs::LogGroup|SNS::Topic|CloudFront::Distribution)$/;
    const kept = (template: Template) =>
      Object.entries(template.toJSON().Resources as Record<string, Resource>).filter(([, { Type }]) =>
        holding.test(Type),
      );
    expect(kept(templateWith(context)).length).toBeGreaterThan(10);
    expect(kept(templateWith(context))).toEqual(kept(templateWith({})));
  });
});
