import { join } from 'node:path';
import { App, Stage } from 'aws-cdk-lib';
import { extrasPerHour, noPrices, priceOf } from '../api/cost/prices';
import { StillhouseStack } from '../cdk/stack';
import { context } from '../cdk.json';
import { instanceSizes, runsPerQueue } from '../contract/compute';

/** One line of a bill. */
export interface Expense {
  what: string;
  dollars: number;
}

// biome-ignore lint/suspicious/noExplicitAny: a template as CloudFormation has it
type TemplateJson = { Resources: Record<string, { Type: string; Properties?: any }> };

/** List prices of us-east-1 and free tiers, 30 November 2026, from the pages of the services. */
const prices = {
  alarm: 0.1,
  freeAlarms: 10,
  queueRequestsPerMillion: 0.4,
  freeQueueRequests: 1_000_000,
  imageGigabyte: 0.1,
  functionGigabyteSecond: 0.0000133334,
  freeGigabyteSeconds: 400_000,
} as const;

/** The image with its layers, compressed, as ECR keeps it. */
const imageGigabytes = 3;
const monthSeconds = 30 * 86_400;
/** Lambda polls a queue over so many connections, each for 20 seconds at a time. */
const pollers = 5;
const pollSeconds = 20;
/** What the minute's look takes of a function; at rest there is nothing to look at. */
const lookSeconds = 0.5;

/** Resource types that cost nothing at rest. */
const freeAtRest = [
  /^AWS::ApiGatewayV2::/,
  /^AWS::Batch::/,
  /^AWS::Budgets::Budget$/,
  /^AWS::CDK::Metadata$/,
  /^AWS::CloudFormation::CustomResource$/,
  // A distribution is paid by the request, beyond a free tier.
  /^AWS::CloudFront::/,
  // Storage of up to 1 GB, and some 400,000 statements a month, are within DSQL's free tier.
  /^AWS::DSQL::Cluster$/,
  /^AWS::EC2::(InternetGateway|LaunchTemplate|Route|RouteTable|SecurityGroup|Subnet|SubnetRouteTableAssociation|VPC|VPCGatewayAttachment)$/,
  /^AWS::ECS::/,
  /^AWS::Events::Rule$/,
  /^AWS::IAM::/,
  /^AWS::Lambda::(EventInvokeConfig|LayerVersion|Permission|Version)$/,
  // Some 50 MB a month.
  /^AWS::Logs::LogGroup$/,
  // Aliases of CloudFront's, whose queries are free, in a zone that is there anyway.
  /^AWS::Route53::RecordSet$/,
  /^AWS::S3::(Bucket|BucketPolicy)$/,
  /^AWS::SNS::/,
  /^AWS::SQS::(Queue|QueuePolicy)$/,
  /^Custom::/,
];

/**
 * What a stack costs a month while no run is launched and nobody looks, beyond the objects and records themselves.
 * @throws Error for a resource whose cost at rest is not known here
 */
export function costAtRest({ Resources }: TemplateJson): Expense[] {
  const of = (type: string) => Object.values(Resources).filter(({ Type }) => Type === type);
  const schedules = of('AWS::Events::Rule').filter(({ Properties }) => Properties.ScheduleExpression !== undefined);
  const polls = of('AWS::Lambda::EventSourceMapping').length * pollers * (monthSeconds / pollSeconds);
  const looks = schedules.length * (monthSeconds / 60);
  // Each look is a message: sent, received with a poll that is counted already, and deleted.
  const queueRequests = polls + 2 * looks;
  const buildsImage = of('AWS::Batch::JobDefinition').some(
    ({ Properties }) => typeof Properties.ContainerProperties.Image !== 'string',
  );
  const unknown = [...new Set(Object.values(Resources).map(({ Type }) => Type))].filter(
    (type) => !priced.includes(type) && !isFreeEndpoint(type, Resources) && !freeAtRest.some((free) => free.test(type)),
  );
  if (unknown.length > 0) throw new Error(`the cost at rest of ${unknown.join(', ')} is not known: see doctor/cost.ts`);
  const alarms = of('AWS::CloudWatch::Alarm').length;
  const beyond = (used: number, free: number) => Math.max(0, used - free);
  return [
    {
      what: `${alarms} alarms, ${prices.freeAlarms} of them free`,
      dollars: beyond(alarms, prices.freeAlarms) * prices.alarm,
    },
    {
      what: `${Math.round(queueRequests).toLocaleString('en-US')} requests of queues, a million free`,
      dollars: (beyond(queueRequests, prices.freeQueueRequests) / 1e6) * prices.queueRequestsPerMillion,
    },
    ...(buildsImage
      ? [{ what: `the image of the trainer, ${imageGigabytes} GB`, dollars: imageGigabytes * prices.imageGigabyte }]
      : []),
    {
      what: `${looks.toLocaleString('en-US')} looks of the reconciler, within Lambda's free tier`,
      dollars: beyond(looks * lookSeconds, prices.freeGigabyteSeconds) * prices.functionGigabyteSecond,
    },
  ];
}

const priced = ['AWS::CloudWatch::Alarm', 'AWS::Lambda::EventSourceMapping', 'AWS::Lambda::Function'];

/** Endpoints of S3 are free, those with an address of their own are paid by the hour. */
const isFreeEndpoint = (type: string, resources: TemplateJson['Resources']): boolean =>
  type === 'AWS::EC2::VPCEndpoint' &&
  Object.values(resources).every(({ Type, Properties }) => Type !== type || Properties.VpcEndpointType === 'Gateway');

/** Minutes of a machine beside its runs: until it is there, has the image, and is given back. Estimates. */
const machineMinutes = { start: 3, image: 2.5, idle: 5 } as const;

/** What an experiment costs on demand, machines that start and wait included. */
export function experimentCost(runs: number, minutesEach: number, gpu: keyof typeof instanceSizes): Expense[] {
  const instanceType = `${gpu}.${instanceSizes[gpu][0]}`;
  const perHour = priceOf({ instanceType, capacity: 'on-demand' }, noPrices)!.perHour;
  const machines = Math.min(runs, runsPerQueue);
  const around = machineMinutes.start + machineMinutes.image + machineMinutes.idle;
  return [
    {
      what: `${runs} runs of ${minutesEach} minutes on ${instanceType}`,
      dollars: ((runs * minutesEach) / 60) * perHour,
    },
    {
      what: `${machines} machines that start and wait, ${around} minutes each`,
      dollars: ((machines * around) / 60) * perHour,
    },
  ];
}

const total = (expenses: readonly Expense[]): number => expenses.reduce((sum, { dollars }) => sum + dollars, 0);

/** `npm run cost`: what the stack costs, computed from its template. */
function main(): void {
  const app = new App({ context });
  const stack = new StillhouseStack(app, 'Stillhouse', { bundleRoot: join(__dirname, '..') });
  const template = Stage.of(stack)!.synth().getStackArtifact(stack.artifactId).template;
  const print = (title: string, expenses: readonly Expense[]) => {
    console.log(title);
    for (const { what, dollars } of expenses) console.log(`  ${dollars.toFixed(2).padStart(6)} USD  ${what}`);
    console.log(`  ${total(expenses).toFixed(2).padStart(6)} USD\n`);
  };
  print('At rest, a month, beyond what is stored:', costAtRest(template));
  print('An experiment, on demand:', experimentCost(20, 15, 'g5'));
  console.log(
    `Prices of us-east-1. Every hour of a machine includes ${extrasPerHour.toFixed(4)} USD for disk and address; spot machines cost about a third.`,
  );
}

if (require.main === module) main();
