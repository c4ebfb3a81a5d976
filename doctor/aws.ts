import { BudgetsClient, DescribeBudgetsCommand } from '@aws-sdk/client-budgets';
import { paginateListServiceQuotas, type ServiceQuota, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { z } from 'zod';
import { chooseForRegion, regionOffers } from '../cdk/regions';
import { type GpuType, machineCpus, queueCpus, runsPerQueue } from '../contract/compute';

/** One sentence about an account, a region or an issuer, with what to do where that is needed. */
export interface Finding {
  kind: 'right' | 'look' | 'wrong';
  text: string;
}

export interface Inspection {
  /** As the parameter OidcIssuer will have it; null: not given. */
  issuer: string | null;
  /** As the context `gpus` will have them; empty: the default. */
  gpus: string;
  /** Whether this machine builds the trainer's image. */
  buildsImage: boolean;
}

const patience = { maxAttempts: 2, requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000 } };

/** What stands against a deploy, by calls that read and change nothing. Without credentials and a region it ends there. */
export async function inspectAws({ issuer, gpus, buildsImage }: Inspection): Promise<Finding[]> {
  const local = [...(buildsImage ? [buildFinding(process.arch)] : []), await issuerFinding(issuer)];
  const region = await findRegion();
  if (region === null)
    return [...local, wrong('no region is set: export AWS_REGION, or give the profile one (aws configure)')];
  const identity = await findIdentity(region);
  if (identity.account === null) return [...local, identity.finding];
  const choice = chooseForRegion(region, gpus, false);
  const place =
    choice.kind === 'refused'
      ? choice.messages.map(wrong)
      : [right(`${region} has Aurora DSQL and machines of ${choice.gpus.join(', ')}`)];
  return [
    ...local,
    identity.finding,
    ...place,
    await bootstrapFinding(region),
    ...(await quotaFindings(region, choice.kind === 'chosen' ? choice.gpus : [])),
    await budgetFinding(region, identity.account),
  ];
}

const right = (text: string): Finding => ({ kind: 'right', text });
const look = (text: string): Finding => ({ kind: 'look', text });
const wrong = (text: string): Finding => ({ kind: 'wrong', text });
const reasonOf = (error: unknown): string => `${(error as Error).name}: ${(error as Error).message}`;

/** The image is made by a computation of TensorFlow's, which needs a processor with AVX. */
export const buildFinding = (arch: string): Finding =>
  arch === 'x64'
    ? right('this machine can build the image of the trainer, with Docker')
    : wrong(
        `this machine (${arch}) cannot build the image of the trainer: build it on x86-64 and give -c trainerImage=URI`,
      );

const configurationSchema = z.object({
  issuer: z.string(),
  jwks_uri: z.url(),
  id_token_signing_alg_values_supported: z.array(z.string()).optional(),
});

/** Whether the issuer in the discovery document equals the given one exactly. API Gateway makes the same check. */
export async function issuerFinding(issuer: string | null): Promise<Finding> {
  if (issuer === null) return look('the issuer was not looked at: give it by --issuer, as OidcIssuer will have it');
  const place = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  let found: z.output<typeof configurationSchema>;
  try {
    const response = await fetch(place, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) return wrong(`${place} answers ${response.status}: correct the issuer, or let anybody read it`);
    found = configurationSchema.parse(await response.json());
  } catch (error) {
    return wrong(`${place} is not the configuration of an issuer (${(error as Error).message.slice(0, 200)})`);
  }
  if (found.issuer !== issuer) return wrong(`the issuer calls itself "${found.issuer}": give that, not "${issuer}"`);
  const algorithms = found.id_token_signing_alg_values_supported ?? ['RS256'];
  return algorithms.some((name) => name.startsWith('RS'))
    ? right(`the issuer is ${issuer}, and signs with ${algorithms.join(', ')}`)
    : wrong(`${issuer} signs with ${algorithms.join(', ')}: API Gateway takes RSA signatures (RS256) alone over HTTP`);
}

async function findRegion(): Promise<string | null> {
  const { config } = new STSClient(patience);
  return config.region().catch(() => null);
}

async function findIdentity(region: string): Promise<{ account: string | null; finding: Finding }> {
  try {
    const { Account = '', Arn } = await new STSClient({ ...patience, region }).send(new GetCallerIdentityCommand({}));
    return { account: Account, finding: right(`the account is ${Account}, you are ${Arn}, the region is ${region}`) };
  } catch (error) {
    const finding = wrong(
      `there are no credentials that AWS takes (${reasonOf(error)}): sign in, or export AWS_PROFILE`,
    );
    return { account: null, finding };
  }
}

/** CDK's own stack, in which assets are kept and roles for the deploy. */
const bootstrapParameter = '/cdk-bootstrap/hnb659fds/version';
const leastBootstrap = 6;

async function bootstrapFinding(region: string): Promise<Finding> {
  try {
    const command = new GetParameterCommand({ Name: bootstrapParameter });
    const { Parameter } = await new SSMClient({ ...patience, region }).send(command);
    const version = Number(Parameter?.Value);
    return version >= leastBootstrap
      ? right(`CDK is bootstrapped in ${region}, version ${version}`)
      : wrong(
          `CDK's bootstrap in ${region} has version ${version}, ${leastBootstrap} is needed: npm run cdk -- bootstrap`,
        );
  } catch (error) {
    return (error as Error).name === 'ParameterNotFound'
      ? wrong(`CDK is not bootstrapped in ${region}: npm run cdk -- bootstrap`)
      : look(`whether CDK is bootstrapped could not be read (${reasonOf(error)})`);
  }
}

/** Quotas of vCPUs by which EC2 starts machines of a family, as Service Quotas names them. */
const machineQuotas: readonly { name: string; families: readonly GpuType[]; what: string }[] = [
  { name: 'Running On-Demand G and VT instances', families: ['g4dn', 'g5', 'g6', 'g6e'], what: 'on-demand' },
  { name: 'All G and VT Spot Instance Requests', families: ['g4dn', 'g5', 'g6', 'g6e'], what: 'spot' },
  { name: 'Running On-Demand P instances', families: ['p5'], what: 'on-demand' },
  { name: 'All P5 Spot Instance Requests', families: ['p5'], what: 'spot' },
];
/** Functions that run at a time; new accounts have 10. */
const functionQuota = 'Concurrent executions';
const enoughFunctions = 100;

async function quotaFindings(region: string, gpus: readonly GpuType[]): Promise<Finding[]> {
  const concerned = machineQuotas.filter(({ families }) => families.some((family) => gpus.includes(family)));
  try {
    const client = new ServiceQuotasClient({ ...patience, region });
    const [machines, functions] = [await quotasOf(client, 'ec2'), await quotasOf(client, 'lambda')];
    return [
      ...concerned.map((quota) => machineFinding(quota, gpus, machines.get(quota.name))),
      functionFinding(functions.get(functionQuota)),
    ];
  } catch (error) {
    return [look(`quotas could not be read (${reasonOf(error)}): see Service Quotas, EC2 and Lambda, yourself`)];
  }
}

async function quotasOf(client: ServiceQuotasClient, ServiceCode: string): Promise<Map<string, number>> {
  const quotas: ServiceQuota[] = [];
  for await (const page of paginateListServiceQuotas({ client }, { ServiceCode })) quotas.push(...(page.Quotas ?? []));
  return new Map(quotas.flatMap(({ QuotaName = '', Value }) => (Value === undefined ? [] : [[QuotaName, Value]])));
}

function machineFinding(
  { name, families, what }: (typeof machineQuotas)[number],
  gpus: readonly GpuType[],
  vcpus: number | undefined,
): Finding {
  const concerned = families.filter((family) => gpus.includes(family)).join(', ');
  // All families of a quota have machines of the same size.
  const [family] = families as [GpuType];
  const wanted = queueCpus(family);
  if (vcpus === undefined) return look(`the quota "${name}" is not listed: see Service Quotas, EC2`);
  const runs = Math.floor(vcpus / machineCpus[family]);
  const ask = `ask for ${wanted} (${runsPerQueue} runs at a time) in Service Quotas, EC2`;
  if (runs === 0)
    return wrong(`the quota "${name}" is ${vcpus} vCPUs: ${what} runs on ${concerned} would wait for ever; ${ask}`);
  const text = `the quota "${name}" is ${vcpus} vCPUs: ${runs} ${what} ${runs === 1 ? 'run' : 'runs'} at a time on ${concerned}`;
  return vcpus < wanted ? look(`${text}; for more ${ask}`) : right(text);
}

function functionFinding(atOnce: number | undefined): Finding {
  if (atOnce === undefined) return look(`the quota "${functionQuota}" is not listed: see Service Quotas, Lambda`);
  const text = `${atOnce} functions may run at a time`;
  return atOnce >= enoughFunctions
    ? right(text)
    : look(
        `${text}, up to 7 of them for the stack's own work: ask for 1,000 (Service Quotas, Lambda, "${functionQuota}")`,
      );
}

async function budgetFinding(region: string, account: string): Promise<Finding> {
  if (regionOffers[region]?.budgets === false)
    return look(`CloudFormation knows no budgets in ${region}: the stack has none there; make one by hand`);
  try {
    const client = new BudgetsClient({ ...patience, region: 'us-east-1' });
    await client.send(new DescribeBudgetsCommand({ AccountId: account, MaxResults: 1 }));
    return right('the account may have budgets');
  } catch (error) {
    return wrong(`the account may have no budget (${reasonOf(error)}): deploy with --parameters MonthlyBudget=0`);
  }
}
