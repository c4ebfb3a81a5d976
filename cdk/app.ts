import { spawnSync } from 'node:child_process';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { chooseDomain, type PageDomain } from './domain';
import { StillhouseStack } from './stack';

/**
 * `npm run cdk -- synth`, `... -- deploy`: one stack, in the account and region of whoever calls. Context, each given as
 * `-c name=value`:
 *
 *     gpus             families of GPU machines: g5,g6 (default: g5,g4dn, as far as the region has them)
 *     bucket, cluster  bucket and Aurora DSQL cluster of an earlier stack, whose results go on here
 *     trainerImage     address of a trainer's image that was built elsewhere
 *     readableBuckets  further buckets of which runs may read inputs: a,b
 *     concurrency      how many GraphQL requests may run at a time, reserved for them: 100 (default: what the account has left;
 *                      AWS keeps 100 unreserved, so a new account with 10 has none to reserve)
 *     domain           name of one's own for the dashboard, with the ARN of its certificate (in us-east-1) as `certificate`, and
 *                      the ID of the hosted zone that gets its records as `hostedZone` (default: they are kept elsewhere)
 *     unchecked        true: the region offers more than the table in regions.ts says
 */
const app = new App();
const context = (name: string): string | null => app.node.tryGetContext(name) ?? null;
new StillhouseStack(app, 'Stillhouse', {
  commit: commitOfTrainer(),
  targetRegion: process.env.CDK_DEFAULT_REGION ?? null,
  gpus: context('gpus') ?? '',
  unchecked: context('unchecked') === 'true',
  bucket: context('bucket'),
  cluster: context('cluster'),
  trainerImage: context('trainerImage'),
  readableBuckets: context('readableBuckets')?.split(',') ?? [],
  graphqlConcurrency: reservedConcurrency(),
  domain: pageDomain(),
});
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));

/** @throws Error where the context is given and is not a whole number from 1 */
function reservedConcurrency(): number | null {
  const given = context('concurrency');
  if (given !== null && !/^[1-9]\d*$/.test(given))
    throw new Error(`concurrency is "${given}": give a whole number from 1, or leave it out`);
  return given === null ? null : Number(given);
}

/** @throws Error saying everything that is wrong with the context */
function pageDomain(): PageDomain | null {
  const choice = chooseDomain({
    name: context('domain'),
    certificate: context('certificate'),
    hostedZone: context('hostedZone'),
  });
  if (choice.kind === 'refused') throw new Error(choice.messages.join('\n'));
  return choice.domain;
}

/**
 * The newest commit of what the image is made of, so that a change of documents makes no new image; `.dirty` where that
 * was changed since. Empty where there is no checkout: attempts then record the version alone.
 */
function commitOfTrainer(): string {
  const sources = ['package.json', 'package-lock.json', 'tsconfig.json', 'contract', 'trainer'];
  const git = (...words: string[]) =>
    spawnSync('git', [...words, '--', ...sources], { cwd: `${__dirname}/..`, encoding: 'utf8' }).stdout?.trim() ?? '';
  const commit = git('log', '-1', '--format=%H');
  return commit === '' || git('status', '--porcelain') === '' ? commit : `${commit}.dirty`;
}
