import { z } from 'zod';
import { capacities } from '../../contract/compute';
import type { Machine } from '../../contract/records';
import type { PriceSettings } from '../context/context';

/** USD an hour of a run's share of its machine, and where that is from. */
export interface Price {
  perHour: number;
  source: string;
}

export const noPrices: PriceSettings = { perHour: null, machines: new Map() };

const listRegion = 'us-east-1';
const listDate = `${listRegion}, Linux, 20 July 2026`;

/**
 * What the stack has with every machine, in USD an hour: 60 GB of gp3 disk at 0.08 a month and gigabyte, and a public IPv4
 * address at 0.005 an hour.
 */
export const extrasPerHour = (60 * 0.08) / 730 + 0.005;

/**
 * On-demand list prices of EC2 in USD an hour, with the GPUs of the machine: a run uses one, and pays its share. All
 * machines that the stack's queues may start (contract/compute.ts). AWS changes prices seldom and other regions have others: a
 * setting comes before this table.
 *
 * Source: AWS's Price List for us-east-1 as of 2026-07-20, as Karpenter publishes it with its code
 * (aws/karpenter-provider-aws, pkg/providers/pricing/zz_generated.pricing_aws.go; GPUs: its reference of instance types).
 */
const listPrices: Readonly<Record<string, { perHour: number; gpus: number }>> = {
  'g4dn.xlarge': { perHour: 0.526, gpus: 1 },
  'g4dn.2xlarge': { perHour: 0.752, gpus: 1 },
  'g4dn.4xlarge': { perHour: 1.204, gpus: 1 },
  'g4dn.8xlarge': { perHour: 2.176, gpus: 1 },
  'g4dn.12xlarge': { perHour: 3.912, gpus: 4 },
  'g4dn.16xlarge': { perHour: 4.352, gpus: 1 },
  'g4dn.metal': { perHour: 7.824, gpus: 8 },
  'g5.xlarge': { perHour: 1.006, gpus: 1 },
  'g5.2xlarge': { perHour: 1.212, gpus: 1 },
  'g5.4xlarge': { perHour: 1.624, gpus: 1 },
  'g5.8xlarge': { perHour: 2.448, gpus: 1 },
  'g5.12xlarge': { perHour: 5.672, gpus: 4 },
  'g5.16xlarge': { perHour: 4.096, gpus: 1 },
  'g5.24xlarge': { perHour: 8.144, gpus: 4 },
  'g5.48xlarge': { perHour: 16.288, gpus: 8 },
  'g6.xlarge': { perHour: 0.8048, gpus: 1 },
  'g6.2xlarge': { perHour: 0.9776, gpus: 1 },
  'g6.4xlarge': { perHour: 1.3232, gpus: 1 },
  'g6.8xlarge': { perHour: 2.0144, gpus: 1 },
  'g6.12xlarge': { perHour: 4.6016, gpus: 4 },
  'g6.16xlarge': { perHour: 3.3968, gpus: 1 },
  'g6.24xlarge': { perHour: 6.6752, gpus: 4 },
  'g6.48xlarge': { perHour: 13.3504, gpus: 8 },
  'g6e.xlarge': { perHour: 1.861, gpus: 1 },
  'g6e.2xlarge': { perHour: 2.24208, gpus: 1 },
  'g6e.4xlarge': { perHour: 3.00424, gpus: 1 },
  'g6e.8xlarge': { perHour: 4.52856, gpus: 1 },
  'g6e.12xlarge': { perHour: 10.49264, gpus: 4 },
  'g6e.16xlarge': { perHour: 7.57719, gpus: 1 },
  'g6e.24xlarge': { perHour: 15.06559, gpus: 4 },
  'g6e.48xlarge': { perHour: 30.13118, gpus: 8 },
  'p4d.24xlarge': { perHour: 21.957642, gpus: 8 },
  'p5.4xlarge': { perHour: 6.88, gpus: 1 },
  'p5.48xlarge': { perHour: 55.04, gpus: 8 },
};

/**
 * The price of an attempt; null where none is known. A spot machine without a set price is estimated by the list price,
 * which it does not exceed, so that `maxCost` errs to the safe side. EC2 could be asked for the price of the moment
 * (DescribeSpotPriceHistory), but it changes during an attempt and with the zone: it would be an estimate too, for a
 * client and a permission more.
 */
export function priceOf(machine: Machine | null, { perHour, machines, region }: PriceSettings): Price | null {
  if (machine === null) return perHour === null ? null : { perHour, source: 'set for this service' };
  const { instanceType, capacity } = machine;
  const set = machines.get(`${instanceType}:${capacity}`) ?? machines.get(instanceType);
  if (set !== undefined) return { perHour: set, source: 'set for this service' };
  const listed = listPrices[instanceType];
  if (listed === undefined) return null;
  const share = listed.gpus > 1 ? `, one of its ${listed.gpus} GPUs` : '';
  const elsewhere = region === undefined || region === listRegion ? '' : `; it runs in ${region}, where prices differ`;
  const estimate = capacity === 'spot' ? 'estimated, a spot machine costs less: ' : '';
  return {
    perHour: (listed.perHour + extrasPerHour) / listed.gpus,
    source: `${estimate}list price on demand (${listDate})${share}, with disk and address${elsewhere}`,
  };
}

/** `g5.xlarge=1.10,g5.xlarge:spot=0.42` as a setting; every problem at once. */
export const pricesSchema = z
  .string()
  .default('')
  .transform((text, context): ReadonlyMap<string, number> => {
    const prices = new Map<string, number>();
    for (const entry of text.split(',').map((part) => part.trim())) {
      if (entry === '') continue;
      const [machine = '', amount = ''] = entry.split('=');
      const price = Number(amount);
      if (!machinePattern.test(machine) || amount === '' || !(price >= 0 && price < 10_000))
        context.addIssue(
          `"${entry}" is no price: write <instance type>=<USD an hour>, such as g5.xlarge=1.10 or g5.xlarge:spot=0.42`,
        );
      else prices.set(machine, price);
    }
    return prices;
  });

const machinePattern = new RegExp(`^[a-z0-9-]+\\.[a-z0-9-]+(:(${capacities.join('|')}))?$`);
