import { chmodSync } from 'node:fs';
import { type EnergySources, startEnergyMeter } from '../../../trainer/machine/energy';
import { useTestFolder } from '../../testkit/test-folder';
import { eventually } from '../../testkit/test-runner';

const folder = useTestFolder();

/** An nvidia-smi that tells `answer` of GPU 1, and fails for any other. */
function nvidiaSmi(answer: string): string {
  const path = folder.write('nvidia-smi', `#!/bin/sh\n[ "$4" = 1 ] && echo "${answer}" || exit 6\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('the energy of an attempt', () => {
  it('is the power of its GPU by nvidia-smi, over time', async () => {
    let seconds = 0;
    const sources: Partial<EnergySources> = { nvidiaSmi: nvidiaSmi('250.5'), gpu: '1', now: () => seconds };
    const meter = startEnergyMeter('NVIDIA A10G', sources);
    seconds = 1;
    await eventually('it has answered', async () => meter.read().wattHours > 0);
    seconds = 7200;
    expect(meter.read()).toEqual({
      wattHours: expect.closeTo(501, 6),
      source: 'measured',
      how: 'the power of GPU 1 by nvidia-smi, every 5 seconds',
    });
    meter.stop();
  });

  it('is the board power of the card where nvidia-smi does not tell, and is called an estimate', async () => {
    let seconds = 0;
    const meter = startEnergyMeter('Tesla T4', { nvidiaSmi: nvidiaSmi('[N/A]'), gpu: '1', now: () => seconds });
    seconds = 1;
    await eventually('it has answered', async () => meter.read().wattHours > 0);
    seconds = 3600;
    expect(meter.read()).toMatchObject({ wattHours: expect.closeTo(70, 6), source: 'estimated' });
    meter.stop();
  });

  it('is the share of this process in the counters of the processors, also where they begin anew', () => {
    const counter = (package_: number, microjoules: number) =>
      folder.write(`rapl/intel-rapl:${package_}/energy_uj`, `${microjoules}\n`);
    folder.write('rapl/intel-rapl:0/max_energy_range_uj', '1000000000\n');
    folder.write('rapl/intel-rapl:1/max_energy_range_uj', '1000000000\n');
    // A part of the first, which it counts already.
    folder.write('rapl/intel-rapl:0:0/energy_uj', '5\n');
    counter(0, 0);
    counter(1, 900_000_000);
    let times = { own: 0, all: 100 };
    const meter = startEnergyMeter('cpu', { powercap: `${folder.path()}/rapl`, cpuSeconds: () => times });
    counter(0, 500_000_000);
    counter(1, 200_000_000);
    times = { own: 30, all: 160 };
    // 500 J and 300 J, of which 30 of 60 busy seconds were its own.
    expect(meter.read()).toMatchObject({ wattHours: expect.closeTo(400 / 3600, 9), source: 'measured' });
    meter.stop();
  });

  it('is estimated from its processor time where no counter can be read', () => {
    let own = 10;
    const meter = startEnergyMeter('cpu', { powercap: '/nowhere', cpuSeconds: () => ({ own, all: 0 }) });
    own = 3610;
    expect(meter.read()).toMatchObject({ wattHours: expect.closeTo(3.5, 9), source: 'estimated' });
    meter.stop();
  });
});
