import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { StillhouseStack } from '../../cdk/stack';
import {
  bundleFolder,
  functionVariables,
  type LambdaFunction,
  lambdaFunctions,
  lambdaHandler,
} from '../../contract/aws';
import { capacities, gpuTypes, parseQueues } from '../../contract/compute';
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
import { pageFolder } from '../../contract/page';

const functionNames = Object.keys(lambdaFunctions) as LambdaFunction[];
// biome-ignore lint/suspicious/noExplicitAny: resources of a template as CloudFormation writes them
type Resource = { Properties: any; [key: string]: any };

describe('the stack', () => {
  const root = mkdtempSync(join(tmpdir(), 'stillhouse-cdk-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let template: Template;
  let findings: () => unknown;

  beforeAll(() => {
    // What the functions do is tested with their handlers; here they are any code.
    for (const name of functionNames) {
      mkdirSync(join(root, bundleFolder(name)), { recursive: true });
      writeFileSync(join(root, bundleFolder(name), 'index.mjs'), `export const handler = () => '${name}';\n`);
    }
    mkdirSync(join(root, pageFolder), { recursive: true });
    writeFileSync(join(root, pageFolder, 'index.html'), '<title>Stillhouse</title>');
    const app = new App({ outdir: join(root, 'cdk.out') });
    const stack = new StillhouseStack(app, 'Stillhouse', { bundleRoot: root });
    template = Template.fromStack(stack);
    findings = () => {
      Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
      return app.synth({ force: true });
    };
  });

  const resources = (type: string): [string, Resource][] => Object.entries(template.findResources(type)) as never;
  const functionOf = (name: LambdaFunction): Resource =>
    resources('AWS::Lambda::Function').find(([id]) => id.startsWith(`${name.replace('-', '')}Function`))![1];
  /** Statements of the policies of a function's role, as text. */
  const permissions = (name: LambdaFunction): string => {
    const role = functionOf(name).Properties.Role['Fn::GetAtt'][0];
    const policies = resources('AWS::IAM::Policy').filter(([, { Properties }]) => Properties.Roles[0].Ref === role);
    return JSON.stringify(policies.map(([, { Properties }]) => Properties.PolicyDocument.Statement));
  };

  it('keeps to the rules of cdk-nag, but for the findings that are acknowledged with a reason', () => {
    expect(findings).not.toThrow();
  });

  it('keeps a private bucket that takes nothing without TLS, and forgets old checkpoints and unfinished uploads', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
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

  it('has a queue for every kind of machine, spot and on-demand, that rests at none', () => {
    const environments = resources('AWS::Batch::ComputeEnvironment').map(([, { Properties }]) => Properties);
    expect(environments).toHaveLength(gpuTypes.length * capacities.length);
    for (const { ComputeResources } of environments) {
      expect(ComputeResources.MinvCpus).toBe(0);
      expect(ComputeResources.Ec2Configuration).toEqual([{ ImageType: 'ECS_AL2023_NVIDIA' }]);
      expect(ComputeResources.InstanceTypes).toHaveLength(1);
    }
    const types = environments.map(({ ComputeResources: { Type, InstanceTypes } }) => `${Type} ${InstanceTypes}`);
    expect(types.sort()).toEqual(gpuTypes.flatMap((gpu) => [`EC2 ${gpu}`, `SPOT ${gpu}`]).sort());
    for (const [, { Properties }] of resources('AWS::Batch::JobQueue'))
      expect(Properties.JobStateTimeLimitActions.map(({ Reason }: { Reason: string }) => Reason)).toEqual([
        'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT',
        'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE',
        'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY',
      ]);
  });

  it('tells the launcher of every queue', () => {
    const setting = functionOf('reconcile').Properties.Environment.Variables[functionVariables.batchQueues];
    const text = setting['Fn::Join'][1].map((part: unknown) => (typeof part === 'string' ? part : 'arn')).join('');
    const parsed = parseQueues(text);
    expect(parsed.kind === 'valid' && parsed.value.size).toBe(gpuTypes.length * capacities.length);
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

  it('lets those write objects and submit jobs who have to', () => {
    const who = (action: string) => functionNames.filter((name) => permissions(name).includes(action));
    expect(who('s3:PutObject"')).toEqual(['graphql', 'batch-events', 'reconcile']);
    expect(who('batch:SubmitJob')).toEqual(['batch-events', 'reconcile']);
    expect(who('execute-api:ManageConnections')).toEqual(['socket', 'fan-out', 'reconcile']);
    for (const name of functionNames) expect(permissions(name)).not.toContain('"s3:*"');
  });

  it('lets a trainer write what comes of runs, no definition, and delete nothing but checkpoints', () => {
    const [, trainer] = resources('AWS::IAM::Policy').find(([id]) => id.includes('TrainerRole'))!;
    /** The patterns of keys for which a statement allows an action. */
    const allowed = (action: string): string[] =>
      trainer.Properties.PolicyDocument.Statement.filter((statement: Resource) =>
        [statement.Action].flat().includes(action),
      ).flatMap((statement: Resource) => [statement.Resource].flat().map((resource) => resource['Fn::Join'][1].at(-1)));
    const matches = (patterns: string[], key: string) =>
      patterns.some((pattern) =>
        new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(`/${key}`),
      );
    const written = [
      ...[attemptKey('r', 1), attemptEndKey('r', 1), metricsKey('r', 1, 1), progressKey('r'), resultKey('r')],
      ...[checkpointKey('r', 5, 'state.json'), predictionsKey('r', 'dev', 1), historyKey('r')],
      ...[modelKey('r', 'student.safetensors'), modelKey('r', `${adapterFolder}/adapter_config.json`)],
    ];
    const others = [specKey('r'), cancelledKey('r'), experimentKey('x'), jobManifestKey('j'), 'inputs/train.csv'];
    for (const key of written) expect([key, matches(allowed('s3:PutObject'), key)]).toEqual([key, true]);
    for (const key of others) expect([key, matches(allowed('s3:PutObject'), key)]).toEqual([key, false]);
    const deletable = [...written, ...others].filter((key) => matches(allowed('s3:DeleteObject'), key));
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
    // Two for each of two queues, two for each function, one for the reconciler's heartbeat.
    template.resourceCountIs('AWS::CloudWatch::Alarm', 4 + 2 * functionNames.length + 1);
    for (const [, { Properties }] of resources('AWS::CloudWatch::Alarm'))
      expect(Properties.AlarmActions).toHaveLength(1);
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: { 'detail-type': ['Batch Job Queue Blocked'] },
    });
    template.hasResourceProperties('AWS::Budgets::Budget', {
      Budget: { BudgetLimit: { Amount: { Ref: 'MonthlyBudget' } } },
    });
  });

  it('costs nothing by the hour', () => {
    for (const type of [
      'AWS::EC2::NatGateway',
      'AWS::EC2::Instance',
      'AWS::ElasticLoadBalancingV2::LoadBalancer',
      'AWS::RDS::DBCluster',
    ])
      template.resourceCountIs(type, 0);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 90 });
  });

  it('is what it was', () => {
    // Hashes of what is uploaded change with every line of the trainer and of the functions.
    const text = JSON.stringify(template.toJSON(), null, 1).replace(/[0-9a-f]{64}/g, '<hash>');
    expect(text.replace(/CurrentVersion[0-9A-F]{8}[0-9a-f]{32}/g, 'CurrentVersion<hash>')).toMatchSnapshot();
  });
});

it('says what to do where the functions were not bundled', () => {
  expect(() => new StillhouseStack(new App(), 'Stillhouse', { bundleRoot: '/nowhere' })).toThrow('npm run bundle');
});
