import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './child';
import { heavyRequests } from './heavy';
import { runsQuery, viewerQuery } from './operations';
import type { Received } from './subscribers';

const storedRuns = 10_000;
const rounds = 8;
const secondsPerRound = 1;
const warmUpSeconds = 3;
const [subscribers, eventsPerRound] = [250, 20];
const [manySubscribers, chunks, secondsPerChunk] = [1000, 15, 2];

const [heavyConnections, neighbourSeconds] = [4, 5];

const program = (name: string): Child => startChild(join(__dirname, `${name}.ts`));

/**
 * Prints what serving costs beside the same work done by bare libraries. Server, peer and clients are processes of their
 * own and take turns, so that both meet the same load of the machine: the ratio is what holds.
 */
export async function measureServing(): Promise<void> {
  console.log(`\nserving, ${storedRuns} stored runs, SQLite; this service / its peer`);
  const children = ['stillhouse', 'bare-apollo', 'bare-graphql-ws', 'requests'].map(program);
  const [ours, apollo, sample, clients] = children as [Child, Child, Child, Child];
  const port = await ours.ask<number>({ kind: 'start', runs: storedRuns });
  const http = {
    ours: { server: ours, port },
    peer: { server: apollo, port: await apollo.ask<number>({ kind: 'start' }) },
  };
  await compareRequests('{ viewer { name } } beside bare Apollo on Express, at least 0.8', viewerQuery, clients, http);
  await compareRequests('20 runs with a metric beside Apollo with constants, at least 0.4', runsQuery, clients, http);
  const samplePort = await sample.ask<number>({ kind: 'start' });
  await compareEvents({ ours: http.ours, peer: { server: sample, port: samplePort } });
  await measureDelays(http.ours);
  await measureNeighbours(http.ours);
  for (const child of children) child.end();
}

interface Loaded {
  answered: number;
  /** The last one. */
  answer: string;
  /** Milliseconds, ascending. */
  delays: number[];
}

interface Served {
  server: Child;
  port: number;
}
interface Sides {
  ours: Served;
  peer: Served;
}

/** Requests a second and processor time a request, in turns. */
async function compareRequests(what: string, query: string, clients: Child, sides: Sides): Promise<void> {
  const spent = { ours: { answered: 0, cpu: 0 }, peer: { answered: 0, cpu: 0 } };
  const load = async (side: keyof Sides, seconds: number) => {
    const { server, port } = sides[side];
    const before = await server.cpuSeconds();
    const { answered, answer } = await clients.ask<Loaded>({
      kind: 'load',
      ...{ port, work: query, seconds, connections: 16 },
    });
    if (!answer.startsWith('{"data":')) throw new Error(answer);
    return { answered, cpu: (await server.cpuSeconds()) - before };
  };
  for (const side of ['ours', 'peer'] as const) await load(side, warmUpSeconds);
  for (let round = 0; round < rounds; round += 1)
    for (const side of ['ours', 'peer'] as const) {
      const { answered, cpu } = await load(side, secondsPerRound);
      spent[side].answered += answered;
      spent[side].cpu += cpu;
    }
  const cpuOf = ({ answered, cpu }: { answered: number; cpu: number }) => (cpu / answered) * 1e6;
  const throughput = spent.ours.answered / spent.peer.answered;
  const byCpu = cpuOf(spent.peer) / cpuOf(spent.ours);
  console.log(
    `  ${what}: throughput ${throughput.toFixed(2)}, requests per processor second ${byCpu.toFixed(2)} (${cpuOf(spent.ours).toFixed(0)} and ${cpuOf(spent.peer).toFixed(0)} us of the processor a request)`,
  );
}

/** Processor time of an event for each subscriber, in turns: an event is sent when all have the one before. */
async function compareEvents(sides: Sides): Promise<void> {
  const clients = { ours: program('subscribers'), peer: program('subscribers') };
  const spent = { ours: 0, peer: 0 };
  for (const side of ['ours', 'peer'] as const)
    await clients[side].ask({ kind: 'open', run: 'closely', port: sides[side].port, count: subscribers });
  await sleep(500);
  for (let round = -1; round < rounds; round += 1)
    for (const side of ['ours', 'peer'] as const) {
      const before = await sides[side].server.cpuSeconds();
      for (let event = 0; event < eventsPerRound; event += 1) {
        await sides[side].server.ask({ kind: 'publish', run: 'closely' });
        const received = await clients[side].ask<Received>({ kind: 'receive', events: subscribers, seconds: 20 });
        if (received.events !== subscribers)
          throw new Error(`${received.events} events came to ${subscribers} subscribers`);
      }
      // The first round warms up.
      if (round >= 0) spent[side] += (await sides[side].server.cpuSeconds()) - before;
    }
  const each = (seconds: number) => (seconds / (rounds * eventsPerRound * subscribers)) * 1e6;
  console.log(
    `  an event to each of ${subscribers} subscribers beside bare graphql-ws: processor time ${(spent.ours / spent.peer).toFixed(2)}, at most 2 (${each(spent.ours).toFixed(0)} and ${each(spent.peer).toFixed(0)} us)`,
  );
  for (const child of Object.values(clients)) child.end();
}

/** How long after its writing a chunk reaches a thousand subscribers of a run. */
async function measureDelays({ server, port }: Served): Promise<void> {
  const clients = program('subscribers');
  await clients.ask({ kind: 'open', run: 'widely', port, count: manySubscribers });
  await sleep(5_000);
  const delays: number[] = [];
  let [lost, doubled] = [0, 0];
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    await server.ask({ kind: 'publish', run: 'widely' });
    const received = await clients.ask<Received>({
      kind: 'receive',
      events: Number.MAX_SAFE_INTEGER,
      seconds: secondsPerChunk,
    });
    delays.push(...received.delays);
    lost += received.lost;
    doubled += received.doubled;
  }
  lost = Math.max(lost, chunks * manySubscribers - delays.length);
  delays.sort((a, b) => a - b);
  const at = (share: number) => delays[Math.floor(share * delays.length)]!;
  console.log(
    `  ${manySubscribers} subscribers of a run, a chunk every ${secondsPerChunk} s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most 100 and 300; ${lost} lost, ${doubled} doubled`,
  );
  clients.end();
}

/** How long `viewer` takes for one client while another sends heavy requests, each in turn. */
export async function measureNeighbours({ server, port }: Served): Promise<void> {
  await server.ask({ kind: 'storeHeavy' });
  const [heavy, light] = [program('requests'), program('requests')];
  console.log(
    `  { viewer { name } } while another client sends heavy requests on ${heavyConnections} connections, at most 100 ms`,
  );
  for (const [what, work] of Object.entries(heavyRequests)) {
    const load = { kind: 'load', port, seconds: neighbourSeconds };
    await server.ask({ kind: 'longestTurn' });
    const [others, { delays }] = await Promise.all([
      work === '' ? null : heavy.ask<Loaded>({ ...load, work, connections: heavyConnections }),
      light.ask<Loaded>({ ...load, work: viewerQuery, connections: 1 }),
    ]);
    if (others !== null && !others.answer.startsWith('{"data":')) throw new Error(`${what}: ${others.answer}`);
    const turn = await server.ask<number>({ kind: 'longestTurn' });
    const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))]!.toFixed(1);
    console.log(
      `    ${what.padEnd(36)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms; longest turn ${turn.toFixed(1)} ms of the processor`,
    );
  }
  for (const child of [heavy, light]) child.end();
}
