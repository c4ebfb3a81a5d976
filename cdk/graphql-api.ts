import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  CorsHttpMethod,
  HttpApi,
  HttpAuthorizer,
  HttpAuthorizerType,
  HttpMethod,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { graphqlPath } from '../contract/aws';
import type { Parameters } from './parameters';

/** Requests a second, and at once, that anybody may cause: what a team's dashboards ask many times over. */
const throttle = { rateLimit: 100, burstLimit: 200 };

/**
 * GraphQL over HTTP. The gateway turns away requests without a valid token of the issuer before anything is paid for;
 * the function verifies the token itself (aws-jwt-verify) and reads the role from it.
 */
export class GraphqlApi extends Construct {
  /** Where clients reach it. */
  readonly url: string;
  /** API Gateway asks the issuer for its configuration when it makes this. */
  readonly authorizer: HttpAuthorizer;

  constructor(scope: Construct, id: string, handler: IFunction, parameters: Parameters) {
    super(scope, id);
    const api = new HttpApi(this, 'HttpApi', {
      createDefaultStage: false,
      corsPreflight: {
        allowOrigins: parameters.allowedOrigins,
        allowMethods: [CorsHttpMethod.GET, CorsHttpMethod.POST],
        allowHeaders: ['authorization', 'content-type'],
        maxAge: Duration.hours(1),
      },
    });
    this.authorizer = new HttpAuthorizer(this, 'Tokens', {
      httpApi: api,
      authorizerName: 'Tokens',
      type: HttpAuthorizerType.JWT,
      identitySource: ['$request.header.Authorization'],
      jwtAudience: [parameters.oidcAudience],
      jwtIssuer: parameters.oidcIssuer,
    });
    api.addRoutes({
      path: graphqlPath,
      methods: [HttpMethod.GET, HttpMethod.POST],
      integration: new HttpLambdaIntegration('Graphql', handler),
      authorizer: HttpAuthorizer.fromHttpAuthorizerAttributes(this, 'TokensOfRoutes', {
        authorizerId: this.authorizer.authorizerId,
        authorizerType: 'JWT',
      }),
    });
    const accessLogs = new LogGroup(this, 'AccessLogs', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      throttle,
      accessLogSettings: { destination: new LogGroupLogDestination(accessLogs) },
    });
    this.url = `${api.apiEndpoint}${graphqlPath}`;
  }
}
