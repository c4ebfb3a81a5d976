import { type CfnResource, type Stack, Validations } from 'aws-cdk-lib';
import type { IWebSocketApi } from 'aws-cdk-lib/aws-apigatewayv2';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { IConstruct } from 'constructs';
import { cancelledKey, experimentsPrefix, jobsPrefix, runsPrefix, trainerKeys } from '../contract/keys';

/** Findings of cdk-nag (AWS Solutions) that are meant to be so, one by one, each with its reason. */
export function acknowledgeFindings(
  stack: Stack,
  named: { bucket: IBucket; readableBuckets: readonly string[]; webSocketApi: IWebSocketApi; migrate: IFunction },
): void {
  const logicalId = ({ node }: IConstruct) => stack.getLogicalId(node.defaultChild as CfnResource);
  const { bucket } = named;
  const bucketArn =
    bucket.node.defaultChild === undefined
      ? `arn:<AWS::Partition>:s3:::${bucket.bucketName}`
      : `<${logicalId(bucket)}.Arn>`;
  const arn = (service: string, rest: string) =>
    `arn:<AWS::Partition>:${service}:<AWS::Region>:<AWS::AccountId>:${rest}`;
  const wildcard = (resource: string, reason: string) => ({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
  const managed = (policy: string, reason: string) => ({
    id: `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/${policy}]`,
    reason,
  });
  const byName = (prefix: string) => `Objects get their names as runs are made; all of ${prefix} and nothing else.`;
  Validations.of(stack).acknowledge(
    wildcard(`${bucketArn}/*`, 'The service reads what trainers wrote; trainers read inputs, which may lie anywhere.'),
    ...[experimentsPrefix, runsPrefix, jobsPrefix].map((prefix) => wildcard(`${bucketArn}/${prefix}*`, byName(prefix))),
    ...trainerKeys.written.map((pattern) =>
      wildcard(
        `${bucketArn}/${pattern}`,
        'Batch gives all jobs one role (training.ts): trainers write what comes of runs, each of its own by its program.',
      ),
    ),
    wildcard(`${bucketArn}/${cancelledKey('*')}`, 'Marks of runs that were stopped early, one beside each run.'),
    ...named.readableBuckets.map((name) =>
      wildcard(`arn:<AWS::Partition>:s3:::${name}/*`, 'Inputs may lie anywhere in a bucket that was named for them.'),
    ),
    wildcard('*', 'ListJobs, DescribeJobs and ecr:GetAuthorizationToken cannot be limited to a resource.'),
    wildcard(
      arn('batch', 'job/*'),
      'Jobs get their ids when they are submitted; to end one takes a tag of this service.',
    ),
    wildcard(arn('batch', 'job/*:*'), 'Children of array jobs carry no tags that a condition could test.'),
    wildcard(arn('batch', `job-definition/${stack.stackName}-trainer:*`), 'Every deploy makes a new revision.'),
    wildcard(
      arn('execute-api', `<${logicalId(named.webSocketApi)}>/live/*/@connections/*`),
      'Connections get their names when clients connect.',
    ),
    wildcard(`<${logicalId(named.migrate)}.Arn>:*`, 'The custom resource calls whichever version is deployed.'),
    managed('AmazonEC2ContainerServiceforEC2Role', 'What the container agent of a Batch machine needs, kept by AWS.'),
    managed('AWSLambdaBasicExecutionRole', 'Functions that the CDK brings itself, at work during a deploy alone.'),
    {
      id: 'AwsSolutions-APIG1',
      reason: 'Logging of WebSocket APIs needs a role set up for the whole account and region.',
    },
    {
      id: 'AwsSolutions-APIG4',
      reason:
        'Browsers send no headers with a WebSocket: the function verifies the token of connection_init and closes without one.',
    },
    {
      id: 'AwsSolutions-S1',
      reason: 'Access logs would be a second bucket; who must know turns data events of CloudTrail on.',
    },
    {
      id: 'AwsSolutions-VPC7',
      reason: 'Nothing can connect to the machines; a log of what they fetch is paid by the gigabyte.',
    },
    { id: 'AwsSolutions-L1', reason: 'Node.js 22 is what the service is tested with.' },
  );
}
