import { type GpuType, gpuTypes } from '../contract/compute';

/** What a region of AWS offers of what the stack is made of. */
export interface RegionOffer {
  /** Families whose sizes (training.ts) EC2 has there, all of them. */
  gpus: readonly GpuType[];
  /** Whether CloudFormation knows budgets there. */
  budgets: boolean;
  /** Availability zones that every account has. */
  zones: number;
}

/** When the table below was made. */
const tableDate = '30 November 2026';
const usualZones = 3;

/**
 * The regions with Aurora DSQL. AWS Batch refuses a compute environment with an instance type that its region lacks,
 * and CloudFormation then takes the whole stack back, so families are held to this table before a deploy.
 *
 * Source: the region schemas of cfn-lint 1.58.0 (`aws_ec2_instance/instancetype_enum.json` for instance types,
 * `providers/<region>.json` for `AWS::DSQL::Cluster` and `AWS::Budgets::Budget`), which follow AWS's own lists.
 */
export const regionOffers: Readonly<Record<string, RegionOffer>> = {
  'ap-east-1': { gpus: ['g4dn', 'g5'], budgets: false, zones: usualZones },
  'ap-northeast-1': { gpus: ['g4dn', 'g5', 'g6', 'g6e', 'p5'], budgets: true, zones: usualZones },
  'ap-northeast-2': { gpus: ['g4dn', 'g5', 'g6', 'g6e'], budgets: true, zones: 4 },
  'ap-northeast-3': { gpus: ['g4dn', 'g6e'], budgets: false, zones: usualZones },
  'ap-south-1': { gpus: ['g4dn', 'g5', 'g6', 'g6e', 'p5'], budgets: true, zones: usualZones },
  'ap-southeast-1': { gpus: ['g4dn'], budgets: true, zones: usualZones },
  'ap-southeast-2': { gpus: ['g4dn', 'g5', 'g6', 'p5'], budgets: true, zones: usualZones },
  'ap-southeast-4': { gpus: [], budgets: false, zones: usualZones },
  'ca-central-1': { gpus: ['g4dn', 'g5', 'g6'], budgets: true, zones: usualZones },
  'ca-west-1': { gpus: [], budgets: false, zones: usualZones },
  'eu-central-1': { gpus: ['g4dn', 'g5', 'g6', 'g6e'], budgets: true, zones: usualZones },
  'eu-north-1': { gpus: ['g4dn', 'g5', 'g6', 'g6e', 'p5'], budgets: false, zones: usualZones },
  'eu-south-2': { gpus: ['g5', 'g6', 'g6e'], budgets: false, zones: usualZones },
  'eu-west-1': { gpus: ['g4dn', 'g5'], budgets: true, zones: usualZones },
  'eu-west-2': { gpus: ['g4dn', 'g5', 'g6', 'p5'], budgets: true, zones: usualZones },
  'eu-west-3': { gpus: ['g4dn', 'g5', 'g6'], budgets: true, zones: usualZones },
  'sa-east-1': { gpus: ['g4dn', 'g5', 'g6', 'p5'], budgets: true, zones: usualZones },
  'us-east-1': { gpus: ['g4dn', 'g5', 'g6', 'g6e', 'p5'], budgets: true, zones: 6 },
  'us-east-2': { gpus: ['g4dn', 'g5', 'g6', 'g6e', 'p5'], budgets: true, zones: usualZones },
  'us-west-2': { gpus: ['g4dn', 'g5', 'g6', 'g6e', 'p5'], budgets: true, zones: 4 },
};

/** A region that nobody named yet, as where a template is made for any. */
const anyRegion: RegionOffer = { gpus: gpuTypes, budgets: true, zones: usualZones };

/** Families that a stack gets by default: the first two are offered in nearly every region. */
const usualGpus: readonly GpuType[] = ['g5', 'g4dn'];

/** What a stack in a region is made of, or why it cannot be made there. */
export type RegionChoice =
  | { kind: 'chosen'; gpus: readonly GpuType[]; budgets: boolean; zones: number }
  | { kind: 'refused'; messages: string[] };

/**
 * @param region null: not known yet
 * @param given families with commas between, as in `g5,g6`; empty: the usual ones that the region has
 * @param unchecked whether AWS is known to offer more than the table says
 */
export function chooseForRegion(region: string | null, given: string, unchecked: boolean): RegionChoice {
  const names = given.split(',').flatMap((name) => name.trim() || []);
  const wanted = [...new Set(names)].flatMap((name) => gpuTypes.find((known) => known === name) ?? []);
  const unknown = names.filter((name) => !gpuTypes.some((known) => known === name));
  const messages = unknown.map((name) => `gpus: "${name}" is not one of the families ${gpuTypes.join(', ')}`);
  const offer = region === null || unchecked ? anyRegion : regionOffers[region];
  if (offer === undefined)
    return {
      kind: 'refused',
      messages: [
        ...messages,
        `Aurora DSQL is not offered in ${region} (table of ${tableDate}): deploy to one of ${Object.keys(regionOffers).join(', ')}. ${howToInsist}`,
      ],
    };
  const missing = wanted.filter((gpu) => !offer.gpus.includes(gpu));
  if (missing.length > 0)
    messages.push(
      `gpus: ${region} has no machines of ${missing.join(', ')} (table of ${tableDate}); it has ${offer.gpus.join(', ') || 'none of ours'}. ${howToInsist}`,
    );
  const usual = usualGpus.filter((gpu) => offer.gpus.includes(gpu));
  const gpus = names.length > 0 ? wanted : usual.length > 0 ? usual : offer.gpus;
  if (gpus.length === 0 && messages.length === 0)
    messages.push(`${region} has no GPU machines that runs could use (table of ${tableDate}). ${howToInsist}`);
  return messages.length > 0
    ? { kind: 'refused', messages }
    : { kind: 'chosen', gpus, budgets: offer.budgets, zones: offer.zones };
}

const howToInsist = 'If AWS offers it by now, add -c unchecked=true.';
