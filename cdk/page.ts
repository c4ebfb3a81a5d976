import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, type CfnResource, Duration, Fn, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  HeadersFrameOption,
  HeadersReferrerPolicy,
  HttpVersion,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  OriginSslPolicy,
  ResponseHeadersPolicy,
  S3OriginAccessControl,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin, S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { AaaaRecord, ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { BucketDeployment, CacheControl, Source } from 'aws-cdk-lib/aws-s3-deployment';
import { Construct } from 'constructs';
import { graphqlPath } from '../contract/aws';
import {
  configFile,
  explorerPolicy,
  type PageConfig,
  pageFiles,
  pageFolder,
  pageHeaders,
  pagePolicy,
} from '../contract/page';
import type { PageDomain } from './domain';
import type { Parameters } from './parameters';

/** API Gateway ends a connection that is quiet for 10 minutes; each ping is an invocation. */
const keepAliveSeconds = 300;

export interface PageProps {
  /** Address of GraphQL over HTTP. */
  graphqlUrl: string;
  /** Address of the WebSocket API. */
  socketUrl: string;
  parameters: Parameters;
  /** A name of one's own; null: the one that CloudFront gives. */
  domain: PageDomain | null;
  /** Folder in which `npm run bundle` left the page. */
  root: string;
}

/**
 * The dashboard and the explorer: files in a private bucket behind CloudFront, which also passes /graphql on to the HTTP
 * API. So the page has one origin with its API and needs no CORS, and `--server` of every command takes the address
 * of the page. CloudFront costs nothing at rest, and 1 TB and 10 million requests a month are free; a route of the
 * HTTP API would be an invocation for every file, and limited to 6 MB, below the explorer's size.
 */
export class Page extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, { graphqlUrl, socketUrl, parameters, domain, root }: PageProps) {
    super(scope, id);
    const folder = join(root, pageFolder);
    if (!existsSync(folder)) throw new Error(`${folder} does not exist: run \`npm run bundle\` first`);
    const bucket = this.createBucket();
    const asked = [
      originOf('wss', socketUrl),
      originOf('https', parameters.oidcIssuer),
      Fn.join(' ', parameters.oidcOrigins),
    ];
    const files = {
      origin: S3BucketOrigin.withOriginAccessControl(bucket, {
        originAccessControl: new S3OriginAccessControl(this, 'AccessControl', {
          originAccessControlName: this.globalName('page'),
        }),
      }),
      viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      // Compresses; files are revalidated, since they are stored with `no-cache`.
      cachePolicy: CachePolicy.CACHING_OPTIMIZED,
    };
    const distribution = new Distribution(this, 'Distribution', {
      comment: 'Stillhouse: dashboard, explorer, GraphQL',
      defaultRootObject: pageFiles.html,
      httpVersion: HttpVersion.HTTP2_AND_3,
      ...(domain === null ? {} : this.certified(domain)),
      defaultBehavior: { ...files, responseHeadersPolicy: this.headers('page', pagePolicy(asked)) },
      additionalBehaviors: {
        [pageFiles.explorer]: { ...files, responseHeadersPolicy: this.headers('explorer', explorerPolicy(asked)) },
        [graphqlPath]: {
          origin: new HttpOrigin(hostOf(graphqlUrl), {
            protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY,
            originSslProtocols: [OriginSslPolicy.TLS_V1_2],
            // The function answers within 29 s.
            readTimeout: Duration.seconds(40),
          }),
          allowedMethods: AllowedMethods.ALLOW_ALL,
          viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
          cachePolicy: CachePolicy.CACHING_DISABLED,
          // All headers, `Authorization` among them; API Gateway wants its own host name.
          originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        },
      },
    });
    const config: PageConfig = {
      api: graphqlPath,
      socket: socketUrl,
      keepAliveSeconds,
      issuer: parameters.oidcIssuer,
      clientId: parameters.oidcClientId,
      scopes: parameters.oidcScopes,
      parameters: parameters.oidcSignInParameters,
    };
    new BucketDeployment(this, 'Files', {
      destinationBucket: bucket,
      sources: [Source.asset(folder), Source.jsonData(configFile, config)],
      cacheControl: [CacheControl.fromString(pageHeaders['Cache-Control'])],
      distribution,
      memoryLimit: 256,
      // The files go with the stack; they can be made again.
      retainOnDelete: false,
      logGroup: new LogGroup(this, 'FilesLogs', {
        retention: RetentionDays.THREE_MONTHS,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
    });
    if (domain !== null) this.name(distribution, domain);
    this.url = `https://${domain?.name ?? distribution.distributionDomainName}/`;
    acknowledgeFindings(Stack.of(this), bucket);
  }

  private certified({ name, certificate }: PageDomain) {
    return {
      domainNames: [name],
      certificate: Certificate.fromCertificateArn(this, 'Certificate', certificate),
      minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
    };
  }

  /** Has a name lead to the page, where its hosted zone is given. */
  private name(distribution: Distribution, { name, hostedZone }: PageDomain): void {
    if (hostedZone === null) return;
    // A record without a name of its own has that of its zone, so that the zone's real name does not matter.
    const zone = HostedZone.fromHostedZoneAttributes(this, 'Zone', { hostedZoneId: hostedZone, zoneName: name });
    const target = RecordTarget.fromAlias(new CloudFrontTarget(distribution));
    new ARecord(this, 'AddressV4', { zone, target });
    new AaaaRecord(this, 'AddressV6', { zone, target });
  }

  private createBucket(): Bucket {
    return new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }

  private headers(name: string, contentSecurityPolicy: string): ResponseHeadersPolicy {
    return new ResponseHeadersPolicy(this, `Headers-${name}`, {
      responseHeadersPolicyName: this.globalName(name),
      securityHeadersBehavior: {
        contentSecurityPolicy: { contentSecurityPolicy, override: true },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
        referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: true },
        strictTransportSecurity: {
          accessControlMaxAge: Duration.days(365),
          includeSubdomains: true,
          override: true,
        },
      },
      customHeadersBehavior: {
        customHeaders: [
          {
            header: 'Cross-Origin-Opener-Policy',
            value: pageHeaders['Cross-Origin-Opener-Policy'],
            override: true,
          },
        ],
      },
    });
  }

  /** Names in CloudFront are of the whole account: two regions may have this stack. */
  private globalName = (name: string): string => `${Stack.of(this).stackName}-${name}-${Aws.REGION}`;
}

/** The host of an address that is known at the deploy alone. */
const hostOf = (url: string): string => Fn.select(2, Fn.split('/', url));
const originOf = (scheme: string, url: string): string => `${scheme}://${hostOf(url)}`;

/** Findings of cdk-nag (AWS Solutions) that are meant to be so; those of the rest of the stack are in acknowledged.ts. */
function acknowledgeFindings(stack: Stack, bucket: Bucket): void {
  const bucketId = stack.getLogicalId(bucket.node.defaultChild as CfnResource);
  const deployment = "The CDK's own function copies the page's files into their bucket, at a deploy alone.";
  const wildcards = [
    ...['s3:GetObject*', 's3:GetBucket*', 's3:List*', 's3:DeleteObject*', 's3:Abort*'].map((name) => `Action::${name}`),
    'Resource::arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*',
    `Resource::<${bucketId}.Arn>/*`,
  ];
  Validations.of(stack).acknowledge(
    ...wildcards.map((what) => ({ id: `AwsSolutions-IAM5[${what}]`, reason: deployment })),
    { id: 'AwsSolutions-CFR1', reason: 'Whoever may sign in may do so from any country.' },
    {
      id: 'AwsSolutions-CFR2',
      reason: 'A web ACL is paid by the month; the files are public, and the gateway throttles the API behind them.',
    },
    {
      id: 'AwsSolutions-CFR3',
      reason: 'Requests to the API are logged by its gateway; those for files are not worth a bucket.',
    },
    {
      id: 'AwsSolutions-CFR4',
      reason: "The least TLS version can be set with a domain of one's own alone (-c domain), and is 1.2 there.",
    },
  );
}
