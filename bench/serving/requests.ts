import { Agent, request } from 'node:http';
import { serveRequests } from './child';

const connections = 16;
const agent = new Agent({ keepAlive: true, maxSockets: connections });

/** Sends one query over and over on some connections for a while. @returns how many were answered, and the last answer */
async function load({ port, query, seconds }: { port: number; query: string; seconds: number }) {
  const body = JSON.stringify({ query });
  const until = performance.now() + seconds * 1000;
  let answered = 0;
  let answer = '';
  const lane = async () => {
    while (performance.now() < until) {
      answer = await send(port, body);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return { answered, answer };
}

function send(port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request({ agent, port, host: '127.0.0.1', path: '/graphql', method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

serveRequests({ load });
