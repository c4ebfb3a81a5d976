import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  BucketPolicy,
  EventType,
  type IBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { SqsDestination } from 'aws-cdk-lib/aws-s3-notifications';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { announcedObjects } from '../contract/aws';
import { checkpointTag } from '../contract/keys';

/** Days after which a checkpoint that nobody went on from is deleted; results and models stay. */
const checkpointDays = 30;

/**
 * The bucket: the truth, from which the records can be rebuilt.
 *
 * Not versioned: what must not be overwritten is written create-if-absent or over a known version, by conditions that S3
 * keeps; the rest is heartbeats, overwritten every few seconds, of which versions would pile up. It stays when the
 * stack is deleted, and goes where its creation is taken back.
 */
export class Storage extends Construct {
  readonly bucket: IBucket;

  /** @param adopted name of the bucket of an earlier stack, which stays as it is but for who hears of its objects; null: a new one */
  constructor(scope: Construct, id: string, adopted: string | null) {
    super(scope, id);
    this.bucket = adopted === null ? this.create() : this.adopt(adopted);
  }

  /** Its settings are those of the bucket; the policy went with the stack that made it. */
  private adopt(name: string): IBucket {
    const bucket = Bucket.fromBucketName(this, 'Objects', name);
    const { document } = new BucketPolicy(this, 'Policy', { bucket });
    document.addStatements(
      new PolicyStatement({
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:*'],
        resources: [bucket.bucketArn, bucket.arnForObjects('*')],
        conditions: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
    );
    return bucket;
  }

  private create(): Bucket {
    return new Bucket(this, 'Objects', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      lifecycleRules: [
        { id: 'unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
        {
          id: 'checkpoints',
          tagFilters: { [checkpointTag.key]: checkpointTag.value },
          expiration: Duration.days(checkpointDays),
        },
      ],
    });
  }

  /** Has S3 tell a queue of what trainers write. */
  announceTo(queue: IQueue): void {
    for (const suffix of announcedObjects.suffixes)
      this.bucket.addEventNotification(EventType.OBJECT_CREATED, new SqsDestination(queue), {
        prefix: announcedObjects.prefix,
        suffix,
      });
  }

  /** Lets somebody read everything, and write and delete what is under some prefixes; none is named: nothing. */
  grant(grantee: IGrantable, writablePrefixes: readonly string[] = []): void {
    const patterns = writablePrefixes.map((prefix) => `${prefix}*`);
    this.grantPatterns(grantee, { written: patterns, deleted: patterns });
  }

  /** Lets somebody read inputs in other buckets, by their names. */
  grantReadElsewhere(grantee: IGrantable, names: readonly string[]): void {
    if (names.length === 0) return;
    const arns = names.map((name) => Bucket.fromBucketName(this, `Inputs-${name}`, name).bucketArn);
    for (const statement of [
      { actions: ['s3:ListBucket'], resources: arns },
      { actions: ['s3:GetObject'], resources: arns.map((arn) => `${arn}/*`) },
    ])
      grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement(statement));
  }

  /** Lets somebody read everything, and write and delete keys of some patterns. */
  grantPatterns(grantee: IGrantable, keys: { written: readonly string[]; deleted: readonly string[] }): void {
    const { bucketArn } = this.bucket;
    const resources = (patterns: readonly string[]) => patterns.map((pattern) => `${bucketArn}/${pattern}`);
    const statements = [
      { actions: ['s3:ListBucket'], resources: [bucketArn] },
      { actions: ['s3:GetObject'], resources: resources(['*']) },
      {
        actions: ['s3:PutObject', 's3:PutObjectTagging', 's3:AbortMultipartUpload'],
        resources: resources(keys.written),
      },
      { actions: ['s3:DeleteObject'], resources: resources(keys.deleted) },
    ];
    for (const statement of statements)
      if (statement.resources.length > 0) grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement(statement));
  }
}
