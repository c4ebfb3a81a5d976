import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServerRefused } from '../../client/server';
import { withServer } from '../../client/session';
import { useTestFolder } from '../testkit/test-folder';

const folder = useTestFolder();
beforeEach(() => jest.spyOn(console, 'log').mockImplementation());
afterEach(() => jest.restoreAllMocks());

test('a command whose server is killed ends, and says what brings it back', async () => {
  const directory = join(folder.path(), 'data');
  const work = async () => {
    const { pid } = JSON.parse(readFileSync(join(directory, 'server.json'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    return new Promise<number>(() => {});
  };

  const ended = withServer({ 'data-directory': directory, port: 0, slots: 0 }, work).catch((error) => error);

  expect(await ended).toBeInstanceOf(ServerRefused);
  expect((await ended).message).toContain(
    `the server has ended (SIGKILL): npm start -- --data ${directory} starts it again`,
  );
});
