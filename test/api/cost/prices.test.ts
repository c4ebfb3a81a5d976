import type { PriceSettings } from '../../../api/context/context';
import { noPrices, priceOf, pricesSchema } from '../../../api/cost/prices';
import { gpuTypes } from '../../../contract/compute';

const set = (text: string, perHour: number | null = null): PriceSettings => ({
  perHour,
  machines: pricesSchema.parse(text),
});

/** 60 GB of gp3 at 0.08 USD a month of 730 hours, and a public address at 0.005 USD an hour. */
const extras = 0.0065753424657534 + 0.005;
const g5WithExtras = 1.006 + extras;

describe('the price of an attempt', () => {
  it('is the list price of its machine, said with its date', () => {
    expect(priceOf({ instanceType: 'g5.xlarge', capacity: 'on-demand' }, noPrices)).toEqual({
      perHour: expect.closeTo(g5WithExtras, 10),
      source: 'list price on demand (us-east-1, Linux, 20 July 2026), with disk and address',
    });
  });

  it('is estimated by the list price on a spot machine, and says so', () => {
    const price = priceOf({ instanceType: 'g5.xlarge', capacity: 'spot' }, noPrices);
    expect(price).toMatchObject({
      perHour: expect.closeTo(g5WithExtras, 10),
      source: expect.stringMatching(/^estimated, a spot machine costs less/),
    });
  });

  it('says where the machines run in another region than that of the list', () => {
    const price = (region: string) =>
      priceOf({ instanceType: 'g5.xlarge', capacity: 'on-demand' }, { ...noPrices, region });
    expect(price('eu-west-1')?.source).toContain('; it runs in eu-west-1, where prices differ');
    expect(price('us-east-1')?.source).not.toContain('differ');
  });

  it('is that of one GPU where the machine has several', () => {
    const price = priceOf({ instanceType: 'g5.12xlarge', capacity: null }, noPrices);
    expect(price?.perHour).toBeCloseTo((5.672 + extras) / 4, 12);
    expect(price?.source).toContain('one of its 4 GPUs');
  });

  it.each(gpuTypes)('is known of machines of %s', (gpu) => {
    const sizes = ['xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge', '24xlarge', '48xlarge'];
    const known = sizes.flatMap((size) => priceOf({ instanceType: `${gpu}.${size}`, capacity: null }, noPrices) ?? []);
    expect(known.length).toBeGreaterThan(0);
    for (const { perHour } of known) expect(perHour).toBeGreaterThan(0.5);
    expect(Math.max(...known.map(({ perHour }) => perHour))).toBeLessThan(10);
  });

  it('is what was set for the service, that of the capacity first', () => {
    const prices = set('g5.xlarge=1.10, g5.xlarge:spot=0.42,x1.mega=9');
    expect(priceOf({ instanceType: 'g5.xlarge', capacity: 'spot' }, prices)?.perHour).toBe(0.42);
    expect(priceOf({ instanceType: 'g5.xlarge', capacity: 'on-demand' }, prices)?.perHour).toBe(1.1);
    expect(priceOf({ instanceType: 'x1.mega', capacity: null }, prices)?.perHour).toBe(9);
  });

  it('is not known of a machine nobody has a price for', () => {
    expect(priceOf({ instanceType: 'x1.mega', capacity: 'spot' }, noPrices)).toBeNull();
    expect(priceOf(null, noPrices)).toBeNull();
    expect(priceOf(null, set('', 0.25))).toEqual({ perHour: 0.25, source: 'set for this service' });
  });
});

it('refuses prices with every problem at once', () => {
  const parsed = pricesSchema.safeParse('g5.xlarge=1,g5=2,g5.xlarge:cheap=1,g6.xlarge=,g6.xlarge=-1');
  expect(parsed.error?.issues.map(({ message }) => message.split(' is no price')[0])).toEqual([
    '"g5=2"',
    '"g5.xlarge:cheap=1"',
    '"g6.xlarge="',
    '"g6.xlarge=-1"',
  ]);
});
