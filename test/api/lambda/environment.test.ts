import { checkEnvironment } from '../../../api/lambda/environment';
import { functionVariables, type LambdaFunction, lambdaFunctions } from '../../../contract/aws';

/** A full environment, as cdk/ sets it. */
const everything: Record<string, string> = {
  AWS_REGION: 'eu-central-1',
  STILLHOUSE_BUCKET: 'objects',
  STILLHOUSE_DATABASE_HOST: 'abc.dsql.eu-central-1.on.aws',
  STILLHOUSE_DATABASE_USER: 'service',
  STILLHOUSE_RECONCILE_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/reconcile',
  STILLHOUSE_LIVE_UPDATES_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/live',
  STILLHOUSE_CONNECTIONS_ENDPOINT: 'https://abc.execute-api.eu-central-1.amazonaws.com/live',
  STILLHOUSE_SUBSCRIPTIONS_URL: 'wss://abc.execute-api.eu-central-1.amazonaws.com/live',
  STILLHOUSE_OIDC_ISSUER: 'https://issuer.example',
  STILLHOUSE_OIDC_AUDIENCE: 'stillhouse',
  STILLHOUSE_BATCH_QUEUES: 'g5:spot=g5-spot,g5:on-demand=arn:aws:batch:eu-central-1:1:job-queue/g5',
  STILLHOUSE_BATCH_JOB_DEFINITION: 'trainer',
  STILLHOUSE_READABLE_BUCKETS: 'objects,inputs',
};

describe('the environment of a function', () => {
  it.each(Object.keys(lambdaFunctions) as LambdaFunction[])('%s takes its own variables and no others', (name) => {
    const own = lambdaFunctions[name].map((variable) => functionVariables[variable]);
    const checked = checkEnvironment(name, everything);
    expect(checked).toMatchObject({ kind: 'valid', value: { region: 'eu-central-1' } });
    const others = Object.fromEntries(
      Object.entries(everything).filter(([variable]) => variable === 'AWS_REGION' || own.includes(variable as never)),
    );
    expect(checkEnvironment(name, others)).toEqual(checked);
  });

  it('is refused with every problem at once, by the name of its variable', () => {
    const { STILLHOUSE_BUCKET: _, ...rest } = everything;
    const checked = checkEnvironment('graphql', {
      ...rest,
      STILLHOUSE_OIDC_ISSUER: 'ftp://issuer.example',
      STILLHOUSE_INTROSPECTION: 'maybe',
    });
    expect(checked).toEqual({
      kind: 'invalid',
      problems: [
        { path: 'STILLHOUSE_BUCKET', message: 'is not set: the name of the bucket with the objects' },
        {
          path: 'STILLHOUSE_OIDC_ISSUER',
          message: 'must begin with https:// unless it is on this machine; given "ftp://issuer.example"',
        },
        { path: 'STILLHOUSE_INTROSPECTION', message: 'must be true or false; given "maybe"' },
      ],
    });
  });
});
