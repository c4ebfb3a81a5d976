import { join } from 'node:path';
import { CfnOutput, CustomResource, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget, SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { CfnFunction, Function as LambdaFunctionConstruct } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Provider } from 'aws-cdk-lib/custom-resources';
import type { Construct } from 'constructs';
import {
  databaseRole,
  type FunctionVariable,
  type LambdaFunction,
  lambdaFunctions,
  type MigrationRequest,
} from '../contract/aws';
import { cancelledKey, experimentsPrefix, jobsPrefix, recordsKey, runsPrefix } from '../contract/keys';
import { acknowledgeFindings } from './acknowledged';
import { Alarms } from './alarms';
import { Database } from './database';
import type { PageDomain } from './domain';
import { ServiceFunction } from './functions';
import { GraphqlApi } from './graphql-api';
import { LiveUpdates, takeFrom } from './live-updates';
import { Page } from './page';
import { Parameters } from './parameters';
import { WorkQueue } from './queues';
import { chooseForRegion } from './regions';
import { Storage } from './storage';
import { Training } from './training';

export interface StillhouseStackProps extends StackProps {
  /** Folder in which `npm run bundle` left the functions; default: the root of this repository. */
  bundleRoot?: string;
  /** Of which the trainer's image is made, as every attempt records it; default: not known. */
  commit?: string;
  /** Region of the deploy, whose offer decides what the stack is made of; default: any. */
  targetRegion?: string | null;
  /** Families of GPU machines, `g5,g4dn`; default: the usual ones that the region has. */
  gpus?: string;
  /** Take the table of regions for out of date. */
  unchecked?: boolean;
  /** Name of the bucket of an earlier stack; default: a new one. */
  bucket?: string | null;
  /** Identifier of the Aurora DSQL cluster of an earlier stack; default: a new one. */
  cluster?: string | null;
  /** Address of a trainer's image that was built elsewhere; default: built from this checkout. */
  trainerImage?: string | null;
  /** Further buckets whose objects runs may read as inputs. */
  readableBuckets?: readonly string[];
  /**
   * GraphQL requests that may run at a time, reserved for them, so that neither ingest nor anybody's burst takes all that the
   * account has. Default: none reserved, since AWS refuses a reservation that leaves an account fewer than 100.
   */
  graphqlConcurrency?: number | null;
  /** A name of one's own for the dashboard; default: the one that CloudFront gives. */
  domain?: PageDomain | null;
}

/**
 * All of Stillhouse on AWS. At rest it costs what its objects, records and logs take, and the alarms; no machine runs,
 * and nothing is paid by the hour, until a run is launched.
 */
export class StillhouseStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    {
      bundleRoot = join(__dirname, '..'),
      commit = '',
      targetRegion = null,
      gpus = '',
      unchecked = false,
      bucket = null,
      cluster = null,
      trainerImage = null,
      readableBuckets = [],
      graphqlConcurrency = null,
      domain = null,
      ...props
    }: StillhouseStackProps = {},
  ) {
    super(scope, id, {
      description: 'Stillhouse: runs, records and compares knowledge-distillation experiments',
      ...props,
    });
    const choice = chooseForRegion(targetRegion, gpus, unchecked);
    if (choice.kind === 'refused') throw new Error(choice.messages.join('\n'));
    const parameters = new Parameters(this, 'Parameters');
    const storage = new Storage(this, 'Storage', bucket);
    const database = new Database(this, 'Database', cluster, parameters);
    const { gpus: families, zones } = choice;
    const training = new Training(this, 'Training', {
      storage,
      gpus: families,
      zones,
      commit,
      trainerImage,
      readableBuckets,
    });
    const liveUpdates = new LiveUpdates(this, 'LiveUpdates');
    // The time limits of the functions that take from them.
    const updates = new WorkQueue(this, 'UpdatesQueue', Duration.minutes(2));
    const wishes = new WorkQueue(this, 'ReconcileQueue', Duration.minutes(5));

    const variables: Record<FunctionVariable, string> = {
      bucket: storage.bucket.bucketName,
      databaseHost: database.host,
      databaseUser: databaseRole,
      reconcileQueueUrl: wishes.queue.queueUrl,
      liveUpdatesQueueUrl: updates.queue.queueUrl,
      connectionsEndpoint: liveUpdates.connectionsEndpoint,
      subscriptionsUrl: liveUpdates.url,
      oidcIssuer: parameters.oidcIssuer,
      oidcAudience: parameters.oidcAudience,
      oidcRoleClaim: parameters.oidcRoleClaim,
      oidcRoles: parameters.oidcRoles,
      introspection: 'true',
      batchQueues: training.queueSetting,
      batchJobDefinition: training.definitionName,
      prices: parameters.prices,
      readableBuckets: [storage.bucket.bucketName, ...readableBuckets].join(','),
    };
    const create = (
      name: LambdaFunction,
      more: Partial<Record<FunctionVariable, string>> = {},
    ): LambdaFunctionConstruct => new ServiceFunction(this, name, { ...variables, ...more }, bundleRoot).function;
    const graphql = create('graphql');
    if (graphqlConcurrency !== null)
      (graphql.node.defaultChild as CfnFunction).reservedConcurrentExecutions = graphqlConcurrency;
    const socket = create('socket');
    const fanOut = create('fan-out');
    const batchEvents = create('batch-events');
    const reconcile = create('reconcile');
    const workers = [graphql, socket, fanOut, batchEvents, reconcile];
    const migrate = create('migrate', { databaseUser: 'admin' });

    database.grantConnect(migrate, 'admin');
    // Definitions are stored when an experiment is launched; cancelling a run leaves a mark beside it.
    const everything = [experimentsPrefix, runsPrefix, jobsPrefix];
    for (const worker of workers) {
      database.grantConnect(worker, 'role');
      storage.grant(worker, [graphql, batchEvents, reconcile].includes(worker) ? everything : []);
      updates.queue.grantSendMessages(worker);
      wishes.queue.grantSendMessages(worker);
    }
    // What successive halving stops is marked by whoever takes in the epoch that decides.
    const mark = [cancelledKey('*')];
    storage.grantPatterns(fanOut, { written: mark, deleted: mark });
    // The reconciler says whose records the objects belong to.
    storage.grantPatterns(reconcile, { written: [recordsKey], deleted: [] });
    for (const launcher of [batchEvents, reconcile]) training.grantUse(launcher);

    const graphqlApi = new GraphqlApi(this, 'GraphqlApi', graphql, parameters);
    const page = new Page(this, 'Page', {
      graphqlUrl: graphqlApi.url,
      socketUrl: liveUpdates.url,
      parameters,
      domain,
      root: bundleRoot,
    });
    liveUpdates.serve(socket);
    for (const poster of [fanOut, reconcile]) liveUpdates.grantPost(poster);
    storage.announceTo(updates.queue);
    // Signs of life that come together are one invocation.
    takeFrom(updates, fanOut, { gatherSeconds: 2, atOnce: 5 });
    // Requests within a second share one reconciliation. New accounts run ten functions at a time: people come first.
    takeFrom(wishes, reconcile, { gatherSeconds: 1, atOnce: 2 });

    const queueArns = [...training.queues.values()].map(({ jobQueueArn }) => jobQueueArn);
    new Rule(this, 'JobEvents', {
      description: 'Jobs of the trainer that changed their state',
      eventPattern: {
        source: ['aws.batch'],
        detailType: ['Batch Job State Change'],
        detail: { jobQueue: queueArns },
      },
      // An event that is lost after all is found by the schedule.
      targets: [new LambdaTarget(batchEvents, { retryAttempts: 10, maxEventAge: Duration.hours(2) })],
    });
    new Rule(this, 'Schedule', {
      description: 'Compares records, jobs and results, should an event have been lost',
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new SqsQueue(wishes.queue, { message: undefined })],
    });

    const alarms = new Alarms(this, 'Alarms', parameters, choice.budgets);
    alarms.watchQueue('live updates', updates);
    alarms.watchQueue('reconcile queue', wishes);
    for (const name of Object.keys(lambdaFunctions) as LambdaFunction[])
      alarms.watchFunction(
        name,
        { graphql, socket, 'fan-out': fanOut, 'batch-events': batchEvents, reconcile, migrate }[name],
      );
    alarms.watchHeartbeat(wishes);
    alarms.watchStuckRuns(reconcile);
    alarms.tellOf(
      new Rule(this, 'StuckRuns', {
        description: 'Queues whose first job cannot start',
        eventPattern: { source: ['aws.batch'], detailType: ['Batch Job Queue Blocked'], resources: queueArns },
      }),
    );

    const migration = this.migrateWith(migrate, {
      role: databaseRole,
      principals: workers.map(({ role }) => role!.roleArn),
    });
    migration.node.addDependency(database);
    // New code meets the new schema: functions are made, or replaced, behind the migration. It needs their roles alone.
    for (const worker of workers) (worker.node.defaultChild as CfnFunction).node.addDependency(migration);
    // What a mistaken issuer or audience is refused by comes first, before anything takes minutes or stays.
    for (const part of [storage, database, training]) part.node.addDependency(graphqlApi.authorizer);

    const output = (name: string, value: string, description: string) =>
      new CfnOutput(this, name, { value, description });
    output('DashboardUrl', page.url, 'The dashboard; also what --server of the commands takes');
    output('GraphqlUrl', graphqlApi.url, 'GraphQL over HTTP');
    output('SubscriptionsUrl', liveUpdates.url, 'GraphQL over WebSocket (graphql-transport-ws)');
    output('BucketName', storage.bucket.bucketName, 'Objects: definitions, metrics, checkpoints, models');
    output('DatabaseCluster', database.clusterId, 'Records: the Aurora DSQL cluster');
    output('DatabaseUrl', `postgres://admin@${database.host}/postgres`, 'Records: DATABASE_URL of a local server');
    acknowledgeFindings(this, { bucket: storage.bucket, readableBuckets, webSocketApi: liveUpdates.api, migrate });
  }

  /** Brings the records to the newest schema at every deploy that changes the function or whom it lets in. */
  private migrateWith(migrate: LambdaFunctionConstruct, request: MigrationRequest): CustomResource {
    const provider = new Provider(this, 'Migrator', {
      onEventHandler: migrate,
      logGroup: new LogGroup(this, 'MigratorLogs', {
        retention: RetentionDays.THREE_MONTHS,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
    });
    return new CustomResource(this, 'Migration', {
      serviceToken: provider.serviceToken,
      properties: { ...request, version: migrate.currentVersion.version },
    });
  }
}
