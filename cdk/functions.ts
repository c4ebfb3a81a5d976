import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunctionConstruct, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import {
  bundleFolder,
  type FunctionVariable,
  functionVariables,
  type LambdaFunction,
  lambdaFunctions,
  lambdaHandler,
} from '../contract/aws';

interface FunctionSize {
  timeout: Duration;
  memoryMegabytes: number;
  description: string;
}

/** A third of a gigabyte has a fifth of a CPU; 1,792 MB has a whole one, which is what a cold start waits for. */
const sizes: Readonly<Record<LambdaFunction, FunctionSize>> = {
  graphql: { timeout: Duration.seconds(29), memoryMegabytes: 1792, description: 'GraphQL over HTTP' },
  socket: {
    timeout: Duration.seconds(29),
    memoryMegabytes: 1024,
    description: 'GraphQL subscriptions: what clients send',
  },
  'fan-out': {
    timeout: Duration.minutes(2),
    memoryMegabytes: 1024,
    description: 'GraphQL subscriptions: what clients get',
  },
  'batch-events': { timeout: Duration.minutes(1), memoryMegabytes: 512, description: 'Jobs that changed their state' },
  reconcile: {
    timeout: Duration.minutes(5),
    memoryMegabytes: 1024,
    description: 'Launches runs, and puts right what was lost',
  },
  migrate: {
    timeout: Duration.minutes(15),
    memoryMegabytes: 512,
    description: 'Brings the records to the newest schema',
  },
};

/** One function of api/lambda/, with the environment that it reads and a log of its own. */
export class ServiceFunction extends Construct {
  readonly function: LambdaFunctionConstruct;

  /**
   * @param variables of the whole stack: the function gets those it reads, and must not miss one
   * @param root folder in which `npm run bundle` left the bundles
   */
  constructor(
    scope: Construct,
    name: LambdaFunction,
    variables: Readonly<Record<FunctionVariable, string>>,
    root: string,
  ) {
    super(scope, name);
    const { timeout, memoryMegabytes, description } = sizes[name];
    const folder = join(root, bundleFolder(name));
    if (!existsSync(folder)) throw new Error(`${folder} does not exist: run \`npm run bundle\` first`);
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // A role of its own, with this one log, in place of AWS's policy for all logs.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    this.function = new LambdaFunctionConstruct(this, 'Function', {
      role,
      runtime: Runtime.NODEJS_22_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(folder),
      handler: lambdaHandler,
      description: `Stillhouse: ${description}`,
      timeout,
      memorySize: memoryMegabytes,
      tracing: Tracing.DISABLED,
      environment: {
        ...Object.fromEntries(
          lambdaFunctions[name].map((variable) => [functionVariables[variable], variables[variable]]),
        ),
      },
      logGroup,
    });
  }
}
