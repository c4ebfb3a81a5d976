import { claimObjects, takeOverObjects } from '../../../api/team/claim-objects';
import { experimentKey, recordsKey, resultKey } from '../../../contract/keys';
import { insertExperiment, useTestServices } from '../../testkit/api-services';
import { useTestRecords } from '../../testkit/records';

const services = useTestServices();
const records = useTestRecords();
const claim = (given: object = {}, mayClaim = true) => claimObjects({ ...services(), ...given }, '/objects', mayClaim);

describe('objects', () => {
  it('become those of the first records that meet them, at every start and for every server that shares these', async () => {
    expect(await claim()).toBeNull();
    expect(await claim()).toBeNull();
    expect(await claim({}, false)).toBeNull();
  });

  it('of other records are refused, with what to do for records that are empty and for those that are not', async () => {
    expect(await claim()).toBeNull();
    const other = { ...services(), database: await records.open() };
    expect(await claim(other)).toMatch(/^the objects in \/objects belong to other records since .*npm run reindex/);
    await insertExperiment(other);
    expect(await claim(other)).toMatch(/--database-url.*delete records\.json there/);
    // As that says.
    await services().objects.delete(recordsKey);
    expect(await claim(other)).toBeNull();
    expect(await claim()).toMatch(/belong to other records/);
  });

  it('with experiments are no objects of empty records: these were lost', async () => {
    await services().objects.write(experimentKey('e'), '{}');
    expect(await claim()).toMatch(/^the records are empty, but there are experiments in \/objects: .*npm run reindex/);
    expect(await services().objects.read(recordsKey)).toBeNull();
  });

  it('of runs that were made by hand are taken', async () => {
    await services().objects.write(resultKey('by-hand'), '{}');
    expect(await claim()).toBeNull();
  });

  it('are claimed by one of two servers that share nothing and start at once', async () => {
    const other = { ...services(), database: await records.open() };
    const outcomes = await Promise.all([claim(), claim(other)]);
    expect(outcomes.filter((outcome) => outcome === null)).toHaveLength(1);
  });

  it('are claimed by both of two servers that share new records and start at once', async () => {
    expect(await Promise.all([claim(), claim()])).toEqual([null, null]);
  });

  it('are left alone by who may not write the claim', async () => {
    expect(await claim({}, false)).toBeNull();
    expect(await services().objects.read(recordsKey)).toBeNull();
  });

  it('are those of the records that were made from them by a reindex, and the old records are refused', async () => {
    expect(await claim()).toBeNull();
    const rebuilt = { ...services(), database: await records.open() };
    await takeOverObjects(rebuilt);
    expect(await claim(rebuilt)).toBeNull();
    expect(await claim()).toMatch(/belong to other records/);
  });

  it('with a damaged claim are refused by its key', async () => {
    await services().objects.write(recordsKey, '');
    expect(await claim()).toMatch(/^records\.json is damaged \(it is empty\).*delete records\.json/);
  });
});
