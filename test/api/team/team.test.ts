import type { Kysely } from 'kysely';
import type { Tables } from '../../../api/database/tables';
import { applyEvent } from '../../../api/runs/run-life.service';
import { joinTeam, type Team, type TeamMember } from '../../../api/team/team';
import { recordServer } from '../../../api/team/team.store';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { eventually } from '../../testkit/test-runner';

const joined: Team[] = [];
// Stated before the records are: hooks run in this order, and a server leaves by them.
afterEach(async () => {
  for (const team of joined.splice(0)) await team.leave();
});
const services = useTestServices();

interface Heard {
  lapsed: number;
  died: number;
  lines: string[];
}

/** A server whose lease is a second; it gives ten signs of life in that time. */
async function join(id: string, given: Partial<TeamMember> = {}, database = services().database) {
  const heard: Heard = { lapsed: 0, died: 0, lines: [] };
  const member = { id, host: 'host', objects: 's3://bucket', leaseMilliseconds: 1000, stopMilliseconds: 200, ...given };
  const outcome = await joinTeam(database, member, {
    lapsed: () => heard.lapsed++,
    died: () => heard.died++,
    log: (line) => heard.lines.push(line),
  });
  if (outcome.kind === 'refused') return { ...outcome, heard };
  joined.push(outcome.team);
  return { ...outcome, heard };
}

async function teamOf(id: string, database?: Kysely<Tables>) {
  const member = await join(id, {}, database);
  if (member.kind === 'refused') throw new Error(member.message);
  return member;
}

const serverIds = async () =>
  (await services().database.selectFrom('server').select('id').orderBy('id').execute()).map(({ id }) => id);

/** Records that can be reached or not, as a connection can. */
function breakable(): { database: Kysely<Tables>; broken: boolean } {
  const link = { database: services().database, broken: false };
  link.database = new Proxy(services().database, {
    get(target, name) {
      if (link.broken) throw new Error('no connection');
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return link;
}

async function claimedRun(id: string, serverId: string): Promise<void> {
  await insertRun(services(), id);
  await applyEvent(services(), id, { kind: 'claimed', attempt: 1, serverId });
}

describe('a team of servers', () => {
  beforeEach(() => insertExperiment(services()));

  it('leaves the runs of those that live alone, and knows its own', async () => {
    const a = await teamOf('a');
    const b = await teamOf('b');
    await claimedRun('of-a', 'a');
    await claimedRun('of-b', 'b');
    await claimedRun('of-nobody', 'gone');

    await new Promise((later) => setTimeout(later, 1500));
    expect([...(await a.team.runsOfOthers())]).toEqual(['of-b']);
    expect([...(await b.team.runsOfOthers())]).toEqual(['of-a']);
    expect(a.heard).toEqual({ lapsed: 0, died: 0, lines: [] });
    expect(a.team.isHeld()).toBe(true);
  });

  it('counts the newest attempt of a run alone', async () => {
    const a = await teamOf('a');
    await teamOf('b');
    await claimedRun('run', 'b');
    await applyEvent(services(), 'run', { kind: 'interrupted', attempt: 1, reason: 'why', left: 'nothing' });
    await applyEvent(services(), 'run', { kind: 'claimed', attempt: 2, serverId: 'a' });

    expect([...(await a.team.runsOfOthers())]).toEqual([]);
  });

  it('takes over from one that gives no sign for its lease, and not sooner', async () => {
    const link = breakable();
    await teamOf('a', link.database);
    const b = await teamOf('b');
    await claimedRun('of-a', 'a');
    await new Promise((later) => setTimeout(later, 300));
    link.broken = true;
    const brokenAt = performance.now();

    await eventually('a is removed', async () => !(await serverIds()).includes('a'));
    expect(performance.now() - brokenAt).toBeGreaterThan(850);
    expect(b.heard.died).toBe(1);
    expect(b.heard.lines).toEqual([
      expect.stringMatching(/^server a gave no sign of life for 1 s: its runs are taken over/),
    ]);
    expect([...(await b.team.runsOfOthers())]).toEqual([]);
    link.broken = false;
  });

  it('has one without connection stop its trainers before the others take over, and join again after', async () => {
    const link = breakable();
    const a = await teamOf('a', link.database);
    await teamOf('b');
    link.broken = true;

    await eventually('it is told to stop', async () => a.heard.lapsed > 0);
    // The time that trainers have to stop is left.
    expect(await serverIds()).toEqual(['a', 'b']);
    expect(a.team.isHeld()).toBe(false);
    await eventually('it is removed', async () => (await serverIds()).join() === 'b');
    link.broken = false;
    await eventually('it is back', async () => a.team.isHeld() && (await serverIds()).join() === 'a,b');
    expect(a.heard.lines.at(-1)).toMatch(/took this one for dead/);
  });

  it('knows one that leaves in order at once, and one that starts again by its name', async () => {
    const a = await teamOf('a');
    const b = await teamOf('b');
    await claimedRun('of-b', 'b');
    await b.team.leave();
    expect(await serverIds()).toEqual(['a']);
    expect([...(await a.team.runsOfOthers())]).toEqual([]);

    await teamOf('b');
    expect([...(await a.team.runsOfOthers())]).toEqual(['of-b']);
  });

  it('refuses one with objects at another place, unless that place is of a dead one', async () => {
    await teamOf('a');
    expect(await join('b', { objects: '/mnt/objects' })).toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(
        /^server a works on .* objects at s3:\/\/bucket, this one has \/mnt\/objects: give all/,
      ),
    });

    for (const team of joined.splice(0)) await team.leave();
    const dead = { id: 'dead', host: 'h', objects: 's3://old', lease_milliseconds: 500, beat: 7, started_at: '' };
    await services().database.insertInto('server').values(dead).execute();
    expect(await join('b', { objects: '/mnt/objects' })).toMatchObject({ kind: 'joined' });
    expect(await serverIds()).toEqual(['b']);
  });

  it('gives the number of an attempt that left no trace to whoever claims it next', async () => {
    await claimedRun('run', 'a');
    await services()
      .database.transaction()
      .execute((transaction) => recordServer(transaction, 'run', 1, 'b'));

    const owners = await services().database.selectFrom('attempt_server').selectAll().execute();
    expect(owners).toEqual([{ run_id: 'run', number: 1, server_id: 'b' }]);
  });
});
