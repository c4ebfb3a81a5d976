import { join } from 'node:path';
import { lockDataDirectory } from '../../../api/shared/data-directory';
import { useTestFolder } from '../../testkit/test-folder';

describe('the lock of a data directory', () => {
  const folder = useTestFolder();

  it('is held by one at a time, who is named, and free again after that', () => {
    const first = lockDataDirectory(folder.path());
    if (first.kind === 'refused') throw new Error(first.message);
    first.describe('http://127.0.0.1:4000');

    expect(lockDataDirectory(folder.path())).toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/in use by .*http:\/\/127\.0\.0\.1:4000.* --data/),
    });
    first.release();
    const next = lockDataDirectory(folder.path());
    expect(next.kind).toBe('locked');
    if (next.kind === 'locked') next.release();
  });

  it.each(['file', 'file/below'])('says of %s that it is no directory', (path) => {
    folder.write('file', 'x');

    expect(lockDataDirectory(join(folder.path(), path))).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('is no directory: give another directory by --data'),
    });
  });
});
