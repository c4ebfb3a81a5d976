import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findMachine } from '../../../trainer/machine/machine';

let server: Server;
let answers: Record<string, string>;

beforeEach(async () => {
  // IMDSv2: a token first, then what it opens.
  server = createServer((request, response) => {
    const path = request.url ?? '';
    const isToken = path === '/latest/api/token' && request.method === 'PUT';
    if (isToken && request.headers['x-aws-ec2-metadata-token-ttl-seconds'] !== undefined) return response.end('token');
    const answer = answers[path.replace('/latest/meta-data/', '')];
    if (request.headers['x-aws-ec2-metadata-token'] !== 'token' || answer === undefined) response.statusCode = 401;
    return response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe('the machine of an attempt', () => {
  it('is what the metadata service of EC2 says', async () => {
    answers = { 'instance-type': 'g5.xlarge', 'instance-life-cycle': 'spot' };
    expect(await findMachine(address())).toEqual({ instanceType: 'g5.xlarge', capacity: 'spot' });
  });

  it('is of unknown capacity where that is not told', async () => {
    answers = { 'instance-type': 'g5.xlarge' };
    expect(await findMachine(address())).toEqual({ instanceType: 'g5.xlarge', capacity: null });
  });

  it('is not known where nobody answers', async () => {
    answers = {};
    expect(await findMachine(address())).toBeNull();
    expect(await findMachine('http://127.0.0.1:1')).toBeNull();
  });
});
