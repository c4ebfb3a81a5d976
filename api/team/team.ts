import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/database';
import type { ServerTable } from '../database/tables';
import { beat, findRunsOfOthers, findServers, registerServer, removeServer } from './team.store';

/** A server among those that share records and objects. */
export interface Team {
  /** Names this server in the records; null: nobody shares them. */
  readonly serverId: string | null;
  /** Whether the others surely know that this server lives: only then may it launch anything. */
  isHeld(): boolean;
  /** Runs that others carry out. */
  runsOfOthers(): Promise<ReadonlySet<string>>;
  /** Tells the others that this server is gone: nothing of it is at work any more. */
  leave(): Promise<void>;
}

/** A server that has its records for itself. */
export const alone: Team = {
  serverId: null,
  isHeld: () => true,
  runsOfOthers: async () => new Set(),
  leave: async () => {},
};

export interface TeamMember {
  /** The same after every start of the same server: it then goes on with its runs at once. */
  id: string;
  host: string;
  /** Where it has its objects: the same place for all. */
  objects: string;
  /** Without a sign of life for so long it counts as dead, and its runs are taken over. */
  leaseMilliseconds: number;
  /** Time its trainers have to write a checkpoint when they are stopped. */
  stopMilliseconds: number;
}

export interface TeamEvents {
  /** The others may soon take this server for dead, or have: its trainers are to be stopped. May be told often. */
  lapsed(): void;
  /** Another server is dead: its runs may be taken up. */
  died(): void;
  log(line: string): void;
}

/** A lease of less would not leave time for signs of life beside the stopping of trainers. */
export const leastLeaseMilliseconds = (stopMilliseconds: number): number => 2 * stopMilliseconds + 1000;

const beatsPerLease = 10;

/**
 * Makes this server one of the team that shares the records. Each gives signs of life by counting up a number; whoever
 * sees that of another stand still for its whole lease, by the own clock, removes it, and the runs of a server that is
 * not there are anybody's. Clocks are never compared, and a server that is late loses against one that removes it in
 * the same moment.
 *
 * A server that could not give its signs (no connection, a machine that stood still) stops its trainers early enough
 * that they are gone before the others take over, and launches nothing until it can again.
 */
export async function joinTeam(
  database: Database,
  member: TeamMember,
  events: TeamEvents,
): Promise<{ kind: 'joined'; team: Team } | { kind: 'refused'; message: string }> {
  const { id, host, objects, leaseMilliseconds } = member;
  const beatMilliseconds = leaseMilliseconds / beatsPerLease;
  const heldMilliseconds = leaseMilliseconds - member.stopMilliseconds - 2 * beatMilliseconds;
  const observe = watchServers(database, id, events);
  const register = () =>
    registerServer(database, {
      ...{ id, host, objects, lease_milliseconds: leaseMilliseconds, started_at: new Date().toISOString() },
    });

  const refusal = await refusedFor(observe, objects, beatMilliseconds);
  if (refusal !== null) return { kind: 'refused', message: refusal };
  let heldSince = performance.now();
  await register();
  const isHeld = () => performance.now() - heldSince < heldMilliseconds;

  const giveSign = async () => {
    const sentAt = performance.now();
    if (!(await beat(database, id))) {
      events.log('the other servers took this one for dead: its trainers stop, and it joins them again');
      events.lapsed();
      await register();
    }
    heldSince = sentAt;
    await observe();
  };
  let signing: Promise<void> | null = null;
  const timer = setInterval(() => {
    // Not behind the sign, which may wait long for a connection.
    if (!isHeld()) events.lapsed();
    signing ??= giveSign()
      .catch((error: Error) => events.log(`no sign of life could be given: ${error.message}`))
      .finally(() => {
        signing = null;
      });
  }, beatMilliseconds);
  return {
    kind: 'joined',
    team: {
      serverId: id,
      isHeld,
      runsOfOthers: async () => new Set(await findRunsOfOthers(database, id)),
      async leave() {
        clearInterval(timer);
        await signing;
        await removeServer(database, id);
      },
    },
  };
}

/** Looks at the other servers and removes those that stood still for their lease. @returns those that are left */
function watchServers(database: Database, self: string, events: TeamEvents): () => Promise<ServerTable[]> {
  const seen = new Map<string, { beat: number; since: number }>();
  return async () => {
    const others = (await findServers(database)).filter(({ id }) => id !== self);
    const left: ServerTable[] = [];
    for (const server of others) {
      const before = seen.get(server.id);
      if (before?.beat !== server.beat) seen.set(server.id, { beat: server.beat, since: performance.now() });
      const silent = performance.now() - (seen.get(server.id)?.since ?? 0);
      if (silent <= server.lease_milliseconds) left.push(server);
      else if (await removeServer(database, server.id, server.beat)) {
        events.log(
          `server ${server.id} gave no sign of life for ${Math.round(silent / 1000)} s: its runs are taken over`,
        );
        events.died();
      }
    }
    return left;
  };
}

/** Why a server with these objects cannot join: one that lives has others. One that is dead is waited for. */
async function refusedFor(
  observe: () => Promise<ServerTable[]>,
  objects: string,
  beatMilliseconds: number,
): Promise<string | null> {
  const startedAt = performance.now();
  for (;;) {
    const other = (await observe()).find((server) => server.objects !== objects);
    if (other === undefined) return null;
    if (performance.now() - startedAt > other.lease_milliseconds + 2 * beatMilliseconds)
      return (
        `server ${other.id} works on the same records with its objects at ${other.objects}, this one has ${objects}: ` +
        'give all servers the same place by --objects'
      );
    await sleep(beatMilliseconds);
  }
}
