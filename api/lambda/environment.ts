import { z } from 'zod';
import { type FunctionVariable, functionVariables, type LambdaFunction, lambdaFunctions } from '../../contract/aws';
import { parseQueues } from '../../contract/compute';
import type { Checked, Problem } from '../../contract/run-spec';
import { defaultRoleClaim, issuerSchema, type OidcOptions, roleMappingSchema } from '../access/oidc';
import { pricesSchema } from '../cost/prices';
import { type BatchSettings, batchDefaults } from '../launcher/batch-settings';

const text = (error: string) => z.string({ error: `is not set: ${error}` });
const address = (what: string) =>
  z.url({ protocol: /^https?$/, error: `must be ${what}, beginning with https:// (or http:// for a stand-in)` });

/** One check a variable; what may be left out has its default here. */
const variables = {
  bucket: text('the name of the bucket with the objects'),
  databaseHost: text('the endpoint of the Aurora DSQL cluster'),
  databaseUser: text('the role in the database'),
  reconcileQueueUrl: address('the URL of the reconcile queue'),
  liveUpdatesQueueUrl: address('the URL of the live updates queue'),
  connectionsEndpoint: address('the endpoint of the WebSocket API with its stage'),
  subscriptionsUrl: z.url({
    protocol: /^wss?$/,
    error: 'must be the address of the WebSocket API, beginning with wss://',
  }),
  oidcIssuer: issuerSchema,
  oidcAudience: text('the audience for whom tokens must be meant'),
  oidcRoleClaim: z.string().default(defaultRoleClaim),
  oidcRoles: roleMappingSchema,
  introspection: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .default('true')
    .transform((value) => value === 'true'),
  batchQueues: text('the job queues').transform((given, context) => {
    const queues = parseQueues(given);
    if (queues.kind === 'valid') return queues.value;
    for (const { message } of queues.problems) context.addIssue(message);
    return z.NEVER;
  }),
  prices: pricesSchema,
  batchJobDefinition: text('the job definition of the trainer'),
  readableBuckets: text('the buckets that trainers may read').transform((names) => names.split(',')),
} satisfies Record<FunctionVariable, z.ZodType>;

type Values = { [Variable in FunctionVariable]: z.output<(typeof variables)[Variable]> };

/** The environment of a function: its own variables, and what Lambda sets by itself. */
export type FunctionEnvironment<Name extends LambdaFunction> = Pick<Values, (typeof lambdaFunctions)[Name][number]> & {
  region: string;
};

/** Reads the environment of a function; every problem is named with its variable. */
export function checkEnvironment<Name extends LambdaFunction>(
  name: Name,
  given: NodeJS.ProcessEnv,
): Checked<FunctionEnvironment<Name>> {
  const problems: Problem[] = [];
  const read = (variable: string, schema: z.ZodType) => {
    // A parameter of the stack that was left out arrives as an empty text.
    const value = given[variable] || undefined;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const { message } of parsed.error.issues)
      problems.push({ path: variable, message: value === undefined ? message : `${message}; given "${value}"` });
  };
  const values = Object.fromEntries([
    ['region', read('AWS_REGION', text('Lambda sets it'))],
    ...lambdaFunctions[name].map((variable) => [variable, read(functionVariables[variable], variables[variable])]),
  ]);
  return problems.length > 0
    ? { kind: 'invalid', problems }
    : { kind: 'valid', value: values as FunctionEnvironment<Name> };
}

/** The environment of this process. @throws Error with all that is wrong with it: the function cannot start. */
export function readEnvironment<Name extends LambdaFunction>(name: Name): FunctionEnvironment<Name> {
  const checked = checkEnvironment(name, process.env);
  if (checked.kind === 'valid') return checked.value;
  const lines = checked.problems.map(({ path, message }) => `${path} ${message}`);
  throw new Error([`the function ${name} is not set up:`, ...lines].join('\n'));
}

/** Whose tokens a function takes. */
export function oidcOf(
  environment: Pick<Values, 'oidcIssuer' | 'oidcAudience' | 'oidcRoleClaim' | 'oidcRoles'>,
): OidcOptions {
  const { oidcIssuer: issuer, oidcAudience: audience, oidcRoleClaim: roleClaim, oidcRoles: roles } = environment;
  return { issuer, audience, roleClaim, roles };
}

/** What of AWS Batch the functions use. */
export function batchSettings(environment: Pick<Values, 'batchQueues' | 'batchJobDefinition'>): BatchSettings {
  const { batchQueues: queues, batchJobDefinition: jobDefinition } = environment;
  return { jobDefinition, queues, ...batchDefaults };
}
