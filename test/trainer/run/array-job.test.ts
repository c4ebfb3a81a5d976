import { jobManifestKey } from '../../../contract/keys';
import { directoryObjectStore } from '../../../contract/objects/directory';
import { findChildRun } from '../../../trainer/run/array-job';
import { useTestFolder } from '../../testkit/test-folder';

const folder = useTestFolder();
const key = jobManifestKey('a-r1');

describe('a child of an array job', () => {
  it('carries out the run at its place in the manifest', async () => {
    const objects = directoryObjectStore(folder.path());
    await objects.write(key, JSON.stringify({ version: 1, runIds: ['a', 'b', 'c'] }));
    expect(await findChildRun(objects, key, 0)).toEqual({ kind: 'found', runId: 'a' });
    expect(await findChildRun(objects, key, 2)).toEqual({ kind: 'found', runId: 'c' });
    expect(await findChildRun(objects, key, 3)).toEqual({
      kind: 'refused',
      messages: ['jobs/a-r1.json has 3 runs, and this is child 3'],
    });
  });

  it('refuses a manifest that is missing or damaged', async () => {
    const objects = directoryObjectStore(folder.path());
    const refusal = async () => JSON.stringify(await findChildRun(objects, key, 0));
    expect(await refusal()).toContain('does not exist');
    await objects.write(key, JSON.stringify({ version: 1, runIds: [] }));
    expect(await refusal()).toContain('is damaged');
  });
});
