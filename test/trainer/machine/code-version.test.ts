import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../../../package.json';
import { codeVersion } from '../../../trainer/machine/code-version';
import { useTestFolder } from '../../testkit/test-folder';

const { version } = packageJson;

describe('the version of the program', () => {
  const folder = useTestFolder();
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...words], { cwd: folder.path() })
      .toString()
      .trim();

  it('has the commit of its checkout, and whether files were changed since', async () => {
    git('init', '--quiet');
    writeFileSync(join(folder.path(), 'program'), 'one');
    git('add', 'program');
    git('commit', '--quiet', '--message', 'One');
    const commit = git('rev-parse', 'HEAD');
    expect(await codeVersion(null, folder.path())).toBe(`${version}+${commit}`);
    writeFileSync(join(folder.path(), 'program'), 'two');
    expect(await codeVersion(null, folder.path())).toBe(`${version}+${commit}.dirty`);
  });

  it('is not that of a repository in which the program merely lies', async () => {
    git('init', '--quiet');
    git('commit', '--quiet', '--allow-empty', '--message', 'Not of the program');
    const inner = join(folder.path(), 'program');
    mkdirSync(inner);
    expect(await codeVersion(null, inner)).toBe(version);
  });

  it('has the commit that a built program is told', async () => {
    expect(await codeVersion('85a612e', folder.path())).toBe(`${version}+85a612e`);
  });
});
