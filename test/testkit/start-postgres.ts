import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

declare global {
  /** The server of this test run, to be stopped after it. */
  var postgresServer: ChildProcess | undefined;
}

/** What jest's configuration knows. */
interface Globals {
  /** Folder of the programs of a server. */
  postgresPrograms?: string;
}

/**
 * Before the tests on PostgreSQL: starts a server of their own in a temporary folder, unless
 * STILLHOUSE_TEST_DATABASE_URL names one whose user may create databases.
 */
export default async function startPostgres(_: unknown, { globals }: { globals: Globals }): Promise<void> {
  const programs = globals.postgresPrograms;
  if (process.env.STILLHOUSE_TEST_DATABASE_URL || programs === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-postgres-'));
  const user = userOfServer();
  if (user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  initialise(programs, data, user);
  globalThis.postgresServer = spawn('sh', ['-c', untilLeft, folder, join(programs, 'postgres'), ...options(folder)], {
    ...user,
    cwd: folder,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const url = `postgres://postgres@localhost/postgres?host=${folder}`;
  await untilReady(url);
  process.env.STILLHOUSE_TEST_DATABASE_URL = url;
}

/**
 * Runs a server until the test run ends, however it ends: then the pipe to this shell closes. $0 is the folder, the
 * rest the command. SIGINT has PostgreSQL leave at once and in order.
 */
const untilLeft = '"$@" & server=$!; cat; kill -INT $server; wait $server; rm -rf "$0"';

/** Nothing is kept, so nothing is waited for; the server listens on a socket in its folder alone. */
const options = (folder: string): string[] => [
  ...['-D', join(folder, 'data'), '-k', folder, '-c', 'listen_addresses='],
  ...['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off', '-c', 'log_min_messages=panic'],
  ...['-c', 'log_min_error_statement=panic', '-c', 'max_connections=200', '-c', 'shared_buffers=64MB'],
];

/** Texts in the order of a language, where the build has it: what is in order all the same is so by its own doing. */
function initialise(programs: string, data: string, user: User | null): void {
  const initdb = (...locale: string[]) =>
    execFileSync(join(programs, 'initdb'), ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--no-sync', ...locale], {
      ...user,
      stdio: 'ignore',
    });
  try {
    initdb('--locale=C', '--locale-provider=icu', '--icu-locale=en');
  } catch {
    initdb('--locale=C');
  }
  writeFileSync(join(data, 'pg_hba.conf'), 'local all guarded scram-sha-256\nlocal all all trust\n');
}

interface User {
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root: then it runs as the user its package made, or as nobody. */
function userOfServer(): User | null {
  if (process.getuid?.() !== 0) return null;
  const idOf = (flag: string) =>
    Number(execFileSync('sh', ['-c', `id ${flag} postgres 2>/dev/null || id ${flag} nobody`]));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
