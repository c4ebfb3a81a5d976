import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { serveRequests } from './child';

interface Load {
  port: number;
  /** A query, or a path that begins with `/` and is downloaded. */
  work: string;
  seconds: number;
  connections: number;
}

/** Does one piece of work over and over on some connections for a while. */
async function load({ port, work, seconds, connections }: Load) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const until = performance.now() + seconds * 1000;
  /** Milliseconds that each answer took. */
  const delays: number[] = [];
  let answer = '';
  const lane = async () => {
    while (performance.now() < until) {
      const begun = performance.now();
      answer = await (work.startsWith('/') ? download(agent, port, work) : ask(agent, port, work));
      delays.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  agent.destroy();
  return { answered: delays.length, answer, delays: delays.sort((a, b) => a - b) };
}

async function ask(agent: Agent, port: number, query: string): Promise<string> {
  const body = JSON.stringify({ query });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const response = await send({ agent, port, path: '/graphql', method: 'POST', headers }, body);
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) text += part;
  return text;
}

/** @returns the status alone: an export has many megabytes */
async function download(agent: Agent, port: number, path: string): Promise<string> {
  const response = await send({ agent, port, path });
  for await (const _ of response);
  return response.statusCode === 200 ? '{"data":' : String(response.statusCode);
}

const send = (options: RequestOptions, body = ''): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', ...options }, resolve)
      .on('error', reject)
      .end(body);
  });

serveRequests({ load });
