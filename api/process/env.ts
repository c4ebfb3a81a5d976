import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { isS3Location, objectsLocationSchema } from '../../contract/objects/open-objects';
import { type S3Settings, s3EnvironmentSchema, s3SettingsOf } from '../../contract/objects/s3-location';
import { type Checked, type Problem, problemsOf } from '../../contract/run-spec';
import { defaultRoleClaim, issuerSchema, type OidcOptions, roleMappingSchema } from '../access/oidc';
import { type AccessToken, parseTokens } from '../access/tokens';
import type { PriceSettings } from '../context/context';
import { pricesSchema } from '../cost/prices';
import { dataPaths } from '../shared/data-directory';
import { isThisMachine } from '../shared/this-machine';
import { leastLeaseMilliseconds } from '../team/team';

const number = (kind: z.ZodNumber, name: string, least: number, most: number) => {
  const error = `must be a ${name} from ${least} to ${most}`;
  return z.coerce.number({ error }).refine((value) => kind.min(least).max(most).safeParse(value).success, { error });
};
const wholeNumber = (least: number, most: number) => number(z.int(), 'whole number', least, most);
const seconds = (least: number, most: number) => number(z.number(), 'number', least, most);
const isPostgresUrl = (text: string) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text);
const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');

/**
 * Every setting of the server: an environment variable and a flag of the same name (STILLHOUSE_PORT, --port). Nothing
 * else in the service reads the environment.
 */
export const settingsSchema = z.object({
  port: wholeNumber(0, 65_535).default(4000).describe('Port to listen on; 0 takes a free one.'),
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address to listen on. Any other than this machine needs tokens.'),
  data: z.string().min(1).default('./data').describe('Data directory: records, objects, logs and cache.'),
  database_url: z
    .string()
    .refine(isPostgresUrl, { error: 'must be as in postgres://user:password@host:5432/database' })
    .optional()
    .describe('PostgreSQL or Aurora DSQL database of the records; default: a SQLite file in the data directory.'),
  objects: objectsLocationSchema
    .optional()
    .describe(
      'Place of the objects: a folder, or s3://bucket with or without a prefix; default: in the data directory.',
    ),
  slots: wholeNumber(0, 256)
    .optional()
    .describe('Runs at a time; 0: none, all wait. Default: one a GPU, without GPUs one for two cores.'),
  gpus: z
    .enum(['auto', 'none'])
    .default('auto')
    .describe('auto: one slot for each NVIDIA GPU of this machine; none: slots share the cores.'),
  tokens: z
    .string()
    .default('')
    .describe('Who may come in: `name:role:token` entries with commas between; roles are viewer, editor, admin.'),
  oidc_issuer: issuerSchema
    .optional()
    .describe('Issuer of tokens (JWT) that are taken beside those, as its "iss" says it.'),
  oidc_audience: z.string().min(1).optional().describe('For whom these tokens must be meant: their "aud".'),
  oidc_role_claim: z
    .string()
    .min(1)
    .default(defaultRoleClaim)
    .describe('Their claim that says the role; dots lead into objects.'),
  oidc_roles: roleMappingSchema.describe(
    'What values of that claim mean, `value=role` with commas between; default: the names of the roles themselves.',
  ),
  oidc_client_id: z
    .string()
    .min(1)
    .optional()
    .describe('Client of the issuer as which people sign in on the dashboard; default: they paste a token.'),
  oidc_scopes: z
    .string()
    .regex(/\bopenid\b/, { error: 'must have "openid" among the scopes' })
    .default('openid profile email')
    .describe('Scopes that the dashboard asks for; many issuers want offline_access to renew a sign-in silently.'),
  oidc_parameters: z
    .string()
    .default('')
    .describe('Further parameters of the sign-in, as in a query: `audience=https://api.example`.'),
  introspection: flag.default(true).describe('Whether clients may ask for the schema; the explorer needs it.'),
  price_per_hour: number(z.number(), 'number', 0, 10_000)
    .optional()
    .describe('USD an hour that a run on this machine costs; default: runs have no cost.'),
  prices: pricesSchema.describe(
    'USD an hour of EC2 machines, `g5.xlarge=1.10,g5.xlarge:spot=0.42`; default: the list prices of us-east-1.',
  ),
  crash_limit: wholeNumber(1, 1000)
    .default(3)
    .describe('Crashes in a row without getting further, after which a run has failed.'),
  stall_seconds: seconds(10, 86_400)
    .default(600)
    .describe('Without a sign of life for so long, a trainer is stopped and its run tried again.'),
  stop_seconds: seconds(1, 600).default(20).describe('Time a trainer has to write a checkpoint when it is stopped.'),
  lease_seconds: seconds(3, 3600)
    .default(60)
    .describe(
      'Servers on one PostgreSQL: without a sign of life for so long, the runs of one are taken over by others.',
    ),
  trainer: z
    .string()
    .min(1)
    .optional()
    .describe('Command that starts a trainer, words with spaces between; default: the one of this package.'),
});

type SettingName = keyof typeof settingsSchema.shape;

export interface Settings {
  port: number;
  host: string;
  dataDirectory: string;
  /** null: SQLite in the data directory. */
  databaseUrl: string | null;
  objectsLocation: string;
  s3: S3Settings;
  slots: number;
  /** GPUs of which each slot gets one; empty where slots share the cores. */
  gpus: string[];
  tokens: AccessToken[];
  prices: PriceSettings;
  oidc: OidcOptions | null;
  /** How people sign in on the dashboard. */
  signIn: { clientId: string; scopes: string; parameters: string };
  introspection: boolean;
  crashLimit: number;
  stallMilliseconds: number;
  stopMilliseconds: number;
  leaseMilliseconds: number;
  trainerCommand: [string, ...string[]] | null;
  /** What trainers inherit. */
  environment: NodeJS.ProcessEnv;
}

/** DATABASE_URL is what hosts of databases and of programs call it. */
export const environmentName = (name: SettingName): string =>
  name === 'database_url' ? 'DATABASE_URL' : `STILLHOUSE_${name.toUpperCase()}`;
const flagName = (name: SettingName): string => `--${name.replaceAll('_', '-')}`;
const settingNames = Object.keys(settingsSchema.shape) as SettingName[];

/** Reads all settings at once; flags come before variables. Every problem is named with the flag or variable it came from. */
export function readSettings(environment: NodeJS.ProcessEnv, words: readonly string[]): Checked<Settings> {
  const problems: Problem[] = [];
  const given = readFlags(words, problems);
  const asFlag = new Set(given.keys());
  const sourceOf = (name: SettingName) => (asFlag.has(name) ? flagName(name) : environmentName(name));
  for (const name of settingNames) {
    const value = environment[environmentName(name)];
    if (value !== undefined && value !== '' && !given.has(name)) given.set(name, value);
  }
  const parsed = settingsSchema.safeParse(Object.fromEntries(given));
  if (!parsed.success)
    for (const { path, message } of parsed.error.issues) {
      const name = path[0] as SettingName;
      // The address of a database holds its password, and problems are logged.
      const shown = name === 'database_url' ? '' : `; given "${given.get(name)}"`;
      problems.push({ path: sourceOf(name), message: `${message}${shown}` });
    }
  const tokens = parseTokens(given.get('tokens') ?? '');
  if (tokens.kind === 'invalid')
    for (const { path, message } of tokens.problems)
      problems.push({ path: sourceOf('tokens'), message: `entry ${path}: ${message}` });
  const accessTokens = tokens.kind === 'valid' ? tokens.value : [];
  const issuer = given.has('oidc_issuer');
  if (issuer !== given.has('oidc_audience')) {
    const missing = issuer ? 'oidc_audience' : 'oidc_issuer';
    problems.push({
      path: sourceOf(missing),
      message: `is not set: tokens of an issuer need ${issuer ? 'their audience' : 'their issuer'} as well`,
    });
  }
  if (given.has('oidc_client_id') && !issuer)
    problems.push({ path: sourceOf('oidc_client_id'), message: 'needs the issuer of that client: set it as well' });
  const host = given.get('host') ?? '127.0.0.1';
  if (!isThisMachine(host) && tokens.kind === 'valid' && accessTokens.length === 0 && !issuer)
    problems.push({
      path: sourceOf('host'),
      message: `"${host}" lets other machines in: set ${environmentName('tokens')} or ${environmentName('oidc_issuer')} as well`,
    });
  const s3 = s3EnvironmentSchema.safeParse(environment);
  if (!s3.success) problems.push(...problemsOf(s3.error));
  if (parsed.success)
    problems.push(...leaseProblems(parsed.data).map((message) => ({ path: sourceOf('lease_seconds'), message })));
  if (!parsed.success || !s3.success || problems.length > 0) return { kind: 'invalid', problems };
  return { kind: 'valid', value: resolveSettings(parsed.data, accessTokens, s3SettingsOf(s3.data), environment) };
}

function readFlags(words: readonly string[], problems: Problem[]): Map<SettingName, string> {
  const given = new Map<SettingName, string>();
  for (let place = 0; place < words.length; place += 1) {
    const [flagWord = '', inline] = words[place]!.split(/=(.*)/s);
    const name = settingNames.find((candidate) => flagName(candidate) === flagWord);
    if (name === undefined) {
      problems.push({ path: flagWord, message: 'is no setting; --help lists them' });
      if (inline === undefined && words[place + 1]?.startsWith('--') === false) place += 1;
      continue;
    }
    const value = inline ?? words[++place];
    if (value === undefined) problems.push({ path: flagWord, message: 'has no value behind it' });
    else given.set(name, value);
  }
  return given;
}

function resolveSettings(
  settings: z.output<typeof settingsSchema>,
  tokens: AccessToken[],
  s3: S3Settings,
  environment: NodeJS.ProcessEnv,
): Settings {
  const found = settings.gpus === 'auto' ? findGpus() : [];
  const slots = settings.slots ?? (found.length || Math.max(1, Math.floor(availableParallelism() / 2)));
  return {
    port: settings.port,
    host: settings.host,
    dataDirectory: resolve(settings.data),
    databaseUrl: settings.database_url ?? null,
    objectsLocation: objectsLocationOf(settings),
    s3,
    slots,
    // With more slots than GPUs nobody could have one of its own.
    gpus: slots <= found.length ? found.slice(0, slots) : [],
    tokens,
    prices: { perHour: settings.price_per_hour ?? null, machines: settings.prices },
    oidc: oidcOptions(settings),
    signIn: {
      clientId: settings.oidc_client_id ?? '',
      scopes: settings.oidc_scopes,
      parameters: settings.oidc_parameters,
    },
    introspection: settings.introspection,
    crashLimit: settings.crash_limit,
    stallMilliseconds: settings.stall_seconds * 1000,
    stopMilliseconds: settings.stop_seconds * 1000,
    leaseMilliseconds: settings.lease_seconds * 1000,
    trainerCommand: settings.trainer === undefined ? null : (settings.trainer.split(/\s+/) as [string, ...string[]]),
    environment,
  };
}

/** A folder is told to trainers, which have another working directory, by its whole path. */
function objectsLocationOf({ objects, data }: z.output<typeof settingsSchema>): string {
  if (objects === undefined) return dataPaths(resolve(data)).objects;
  return isS3Location(objects) ? objects : resolve(objects);
}

function leaseProblems({ lease_seconds, stop_seconds }: z.output<typeof settingsSchema>): string[] {
  const least = leastLeaseMilliseconds(stop_seconds * 1000) / 1000;
  if (lease_seconds >= least) return [];
  return [`${lease_seconds} is too short for trainers that may take ${stop_seconds} s to stop: give at least ${least}`];
}

function oidcOptions(settings: z.output<typeof settingsSchema>): OidcOptions | null {
  const { oidc_issuer: issuer, oidc_audience: audience } = settings;
  if (issuer === undefined || audience === undefined) return null;
  return { issuer, audience, roleClaim: settings.oidc_role_claim, roles: settings.oidc_roles };
}

/** Numbers of the NVIDIA GPUs, by their device files: /dev/nvidia0, ... */
function findGpus(): string[] {
  if (!existsSync('/dev')) return [];
  return readdirSync('/dev').flatMap((name) => /^nvidia(\d+)$/.exec(name)?.[1] ?? []);
}

/** All settings with their flags, variables and defaults. */
export function describeSettings(): string {
  const lines = settingNames.map((name) => {
    const schema = settingsSchema.shape[name];
    const initial = schema.safeParse(undefined).data ?? '';
    const value = initial === '' || typeof initial === 'object' ? '' : ` [${initial}]`;
    return `  ${flagName(name).padEnd(17)} ${environmentName(name).padEnd(25)} ${schema.description ?? ''}${value}`;
  });
  return [
    'Settings of the server, as a flag or an environment variable:',
    '',
    ...lines,
    '',
    ...aboutS3,
    '',
    ...aboutExit,
  ].join('\n');
}

const aboutS3 = [
  'S3 is reached as the AWS tools are told: AWS_ENDPOINT_URL_S3 (for another storage than AWS), AWS_REGION, AWS_PROFILE,',
  'AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. Trainers inherit all of it.',
];

const aboutExit = [
  'It exits with 0 when it was asked to stop, 1 when it could not start, 2 for a wrong setting, and 70 after an internal',
  'error, when a supervisor should start it again (systemd: Restart=on-failure, RestartPreventExitStatus=1 2).',
];
