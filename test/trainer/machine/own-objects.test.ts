import { join } from 'node:path';
import { resultKey } from '../../../contract/keys';
import { directoryObjectStore } from '../../../contract/objects/directory';
import { ownObjects } from '../../../trainer/machine/own-objects';
import { useTestFolder } from '../../testkit/test-folder';

const folder = useTestFolder();
const objects = () => directoryObjectStore(join(folder.path(), 'objects'));

it('a trainer writes and deletes what is of its run', async () => {
  const own = ownObjects(objects(), 'r1');
  expect(await own.write(resultKey('r1'), '{}', { if: 'absent' })).toMatchObject({ kind: 'written' });
  expect(await own.write(resultKey('r1'), '{}', { if: 'absent' })).toEqual({ kind: 'conflict' });
  await own.delete(resultKey('r1'));
  expect(await objects().info(resultKey('r1'))).toBeNull();
});

it.each([resultKey('r2'), resultKey('r'), resultKey('r10'), 'experiments/x.json', 'jobs/r1.json'])(
  'it leaves %s as it is, and reads it',
  async (key) => {
    await objects().write(key, 'before');
    const own = ownObjects(objects(), 'r1');
    await expect(own.write(key, 'after')).rejects.toThrow(`${key} is not of run r1`);
    await expect(own.delete(key)).rejects.toThrow(`${key} is not of run r1`);
    expect(Buffer.from((await own.read(key))!).toString()).toBe('before');
  },
);
