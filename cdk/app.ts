import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { StillhouseStack } from './stack';

/** `npm run cdk -- synth`, `... -- deploy`: one stack, in the account and region of whoever calls. */
const app = new App();
new StillhouseStack(app, 'Stillhouse');
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
