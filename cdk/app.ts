import { spawnSync } from 'node:child_process';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { StillhouseStack } from './stack';

/** `npm run cdk -- synth`, `... -- deploy`: one stack, in the account and region of whoever calls. */
const app = new App();
new StillhouseStack(app, 'Stillhouse', { commit: commitOfCheckout() });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));

/** Empty where there is no checkout: attempts then record the version alone. */
function commitOfCheckout(): string {
  const words = ['describe', '--always', '--dirty=.dirty', '--abbrev=40', '--exclude=*'];
  return spawnSync('git', words, { cwd: __dirname, encoding: 'utf8' }).stdout?.trim() ?? '';
}
