import { Duration } from 'aws-cdk-lib';
import { WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Construct } from 'constructs';
import { webSocketRoutes } from '../contract/aws';
import type { WorkQueue } from './queues';

const throttle = { rateLimit: 100, burstLimit: 200 };

/** GraphQL subscriptions: a WebSocket API, whose clients the fan-out posts to as objects are written. */
export class LiveUpdates extends Construct {
  /** Where clients connect: wss://... */
  readonly url: string;
  /** Where functions post to clients: https://... */
  readonly connectionsEndpoint: string;
  readonly api: WebSocketApi;
  private readonly stage: WebSocketStage;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.api = new WebSocketApi(this, 'WebSocketApi');
    const stage = { webSocketApi: this.api, stageName: 'live', autoDeploy: true, throttle };
    this.stage = new WebSocketStage(this, 'Stage', stage);
    this.url = this.stage.url;
    this.connectionsEndpoint = this.stage.callbackUrl;
  }

  /** Has a function answer what clients send, and lets it answer them. */
  serve(socket: IFunction): void {
    for (const route of webSocketRoutes)
      this.api.addRoute(route, { integration: new WebSocketLambdaIntegration(`Route${route}`, socket) });
    this.grantPost(socket);
  }

  /** Lets a function post to clients and end their connections. */
  grantPost(poster: IFunction): void {
    this.stage.grantManagementApiAccess(poster);
  }
}

/** Has a function take from a queue; what of a batch failed comes again, the rest does not. */
export function takeFrom(
  { queue }: WorkQueue,
  taker: IFunction,
  { gatherSeconds, atOnce }: { gatherSeconds: number; atOnce: number },
): void {
  taker.addEventSource(
    new SqsEventSource(queue, {
      batchSize: 10,
      reportBatchItemFailures: true,
      maxConcurrency: atOnce,
      maxBatchingWindow: Duration.seconds(gatherSeconds),
    }),
  );
}
