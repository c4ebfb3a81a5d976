import { existsSync, readFileSync } from 'node:fs';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../api/database/tables';

/** Milliseconds; CPU of this process and of the server of a single connection, where it is on this machine. */
export interface Spent {
  wall: number;
  cpu: number;
}

/** Starts a measurement; what it returns ends it. */
export type Stopwatch = () => () => Spent;

/** @param database with one connection, where it is PostgreSQL */
export async function stopwatch(database: Kysely<Tables>): Promise<Stopwatch> {
  const accounts = (await backends(database)).map((pid) => `/proc/${pid}/schedstat`).filter((path) => existsSync(path));
  const nanosecondsOf = (path: string) => Number(readFileSync(path, 'utf8').split(' ')[0]);
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e3 + accounts.reduce((sum, path) => sum + nanosecondsOf(path), 0) / 1e6;
  };
  return () => {
    const before = { wall: performance.now(), cpu: cpu() };
    return () => ({ wall: performance.now() - before.wall, cpu: cpu() - before.cpu });
  };
}

/** The process of the server that answers this connection; none on SQLite. */
const backends = (database: Kysely<Tables>): Promise<number[]> =>
  sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database).then(
    ({ rows }) => rows.map(({ pid }) => pid),
    () => [],
  );

/** One line: median, p99 and most of wall time, and p99 and most of CPU time. */
export function report(what: string, spent: readonly Spent[]): void {
  const at = (key: keyof Spent, share: number) => {
    const sorted = spent.map((one) => one[key]).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(1);
  };
  const figures = (key: keyof Spent) => `median ${at(key, 0.5)}, p99 ${at(key, 0.99)}, most ${at(key, 1)}`;
  console.log(`  ${what}: wall ${figures('wall')}; CPU ${figures('cpu')}; ${spent.length} times`);
}
