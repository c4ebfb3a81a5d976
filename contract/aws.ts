import { runsPrefix } from './keys';

/** Names that the infrastructure (cdk/) and what runs on it (api/lambda/) must agree on. */

/** Environment variables of the functions: set by cdk/, read and checked by api/lambda/environment.ts. */
export const functionVariables = {
  /** Name of the bucket with the objects. */
  bucket: 'STILLHOUSE_BUCKET',
  /** Endpoint of the Aurora DSQL cluster: `<id>.dsql.<region>.on.aws`. Stand-ins are named as `postgres://...`. */
  databaseHost: 'STILLHOUSE_DATABASE_HOST',
  /** Role in the database: `admin` for `migrate`, `databaseRole` for the others. */
  databaseUser: 'STILLHOUSE_DATABASE_USER',
  /** Queue whose messages wake the reconciler. */
  reconcileQueueUrl: 'STILLHOUSE_RECONCILE_QUEUE_URL',
  /** Queue of the fan-out: written objects (from S3) and changed records (from the functions). */
  liveUpdatesQueueUrl: 'STILLHOUSE_LIVE_UPDATES_QUEUE_URL',
  /** Where messages to WebSocket clients are posted: `https://<api>.execute-api.<region>.amazonaws.com/<stage>`. */
  connectionsEndpoint: 'STILLHOUSE_CONNECTIONS_ENDPOINT',
  /** Where WebSocket clients connect: `wss://<api>.execute-api.<region>.amazonaws.com/<stage>`. */
  subscriptionsUrl: 'STILLHOUSE_SUBSCRIPTIONS_URL',
  /** Who signs the tokens: `iss`, and where the keys are found (`/.well-known/openid-configuration`). */
  oidcIssuer: 'STILLHOUSE_OIDC_ISSUER',
  /** For whom the tokens must be meant: `aud`, or `client_id` of an access token of Amazon Cognito. */
  oidcAudience: 'STILLHOUSE_OIDC_AUDIENCE',
  /** The claim that says the role, a text or a list of texts. Optional. */
  oidcRoleClaim: 'STILLHOUSE_OIDC_ROLE_CLAIM',
  /** What values of that claim mean: `value=role` with commas between. Optional. */
  oidcRoles: 'STILLHOUSE_OIDC_ROLES',
  /** `true` or `false`: whether clients may ask for the schema. Optional. */
  introspection: 'STILLHOUSE_INTROSPECTION',
  /** The job queues by kind of GPU and capacity, as `formatQueues` (compute.ts) writes them. */
  batchQueues: 'STILLHOUSE_BATCH_QUEUES',
  /** Name or ARN of the trainer's job definition. */
  batchJobDefinition: 'STILLHOUSE_BATCH_JOB_DEFINITION',
  /** USD an hour of machines, `g5.xlarge=1.10,g5.xlarge:spot=0.42`, before the list prices. Optional. */
  prices: 'STILLHOUSE_PRICES',
  /** Buckets whose objects trainers may read, with commas between: inputs of a run must lie in one of them. */
  readableBuckets: 'STILLHOUSE_READABLE_BUCKETS',
} as const;

export type FunctionVariable = keyof typeof functionVariables;

const stores = ['bucket', 'databaseHost', 'databaseUser'] as const;
const hints = ['reconcileQueueUrl', 'liveUpdatesQueueUrl'] as const;
const access = ['oidcIssuer', 'oidcAudience', 'oidcRoleClaim', 'oidcRoles', 'introspection'] as const;
const batch = ['batchQueues', 'batchJobDefinition'] as const;

/** Every Lambda function (api/lambda/<name>.ts) with the variables it reads, and no others. */
export const lambdaFunctions = {
  /** POST and GET /graphql of the HTTP API, payload version 2.0. */
  graphql: [...stores, ...hints, ...access, 'prices', 'readableBuckets', 'subscriptionsUrl'],
  /** The routes `webSocketRoutes` of the WebSocket API. */
  socket: [...stores, ...hints, ...access, 'connectionsEndpoint', 'subscriptionsUrl'],
  /** Takes from the live updates queue; answers with partial batch failures. */
  'fan-out': [...stores, ...hints, 'connectionsEndpoint', 'prices'],
  /** `Batch Job State Change` from EventBridge. */
  'batch-events': [...stores, ...hints, ...batch, 'prices'],
  /** Takes from the reconcile queue, and on a schedule. */
  reconcile: [...stores, ...hints, ...batch, 'connectionsEndpoint', 'prices'],
  /** Invoked at every deploy, as the handler of a custom resource's provider or by hand with an empty event. */
  migrate: ['databaseHost', 'databaseUser'],
} as const satisfies Record<string, readonly FunctionVariable[]>;

export type LambdaFunction = keyof typeof lambdaFunctions;

/** What `npm run bundle` leaves for a function, from the root of the repository: a folder with one file. */
export const bundleFolder = (name: LambdaFunction): string => `dist/lambda/${name}`;
/** The handler of every function, as Lambda is told of it. */
export const lambdaHandler = 'index.handler';

export const graphqlPath = '/graphql';
export const webSocketRoutes = ['$connect', '$disconnect', '$default'] as const;
/** Sub-protocol of the WebSocket API. */
export const webSocketProtocol = 'graphql-transport-ws';

/**
 * The objects whose writing S3 tells the live updates queue. S3 looks at the beginning and the end of a key alone, so
 * checkpoints' state files are told as well; the fan-out ignores them.
 */
export const announcedObjects = { prefix: runsPrefix, suffixes: ['.json', '.jsonl'] } as const;

/** Tags of the jobs in Batch; whoever may end jobs may end those that have `experiment`. */
export const jobTag = (name: 'experiment' | 'variant' | 'method' | 'run'): string => `stillhouse:${name}`;

/** Metrics that functions write themselves. */
export const metricNamespace = 'Stillhouse';
/** Runs that wait for a machine, longer than it takes to start one, without a reason of AWS Batch's. */
export const stuckRunsMetric = 'StuckRuns';

/** Role in the database of all functions but `migrate`, which is its `admin`. */
export const databaseRole = 'stillhouse';

/** What `migrate` is told by the stack, as properties of its custom resource. */
export interface MigrationRequest {
  /** The role that may read and write all tables. */
  role: string;
  /** ARNs of the IAM roles that may connect as it. */
  principals: string[];
}
