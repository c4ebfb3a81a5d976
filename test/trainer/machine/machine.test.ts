import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findMachine } from '../../../trainer/machine/machine';
import { useTestFolder } from '../../testkit/test-folder';

let server: Server;
let answers: Record<string, string>;

beforeEach(async () => {
  // IMDSv2: a token first, then what it opens.
  server = createServer((request, response) => {
    const path = request.url ?? '';
    const isToken = path === '/latest/api/token' && request.method === 'PUT';
    if (isToken && request.headers['x-aws-ec2-metadata-token-ttl-seconds'] !== undefined) return response.end('token');
    const answer = answers[path.replace('/latest/', '')];
    if (request.headers['x-aws-ec2-metadata-token'] !== 'token' || answer === undefined) response.statusCode = 401;
    return response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const folder = useTestFolder();
const document = { instanceId: 'i-1', instanceType: 'g5.xlarge', pendingTime: '2026-07-20T10:00:00Z' };
const ec2 = (lifeCycle: object = { 'meta-data/instance-life-cycle': 'spot' }) => ({
  'dynamic/instance-identity/document': JSON.stringify(document),
  ...lifeCycle,
});
const find = () => findMachine(address(), folder.path());

describe('the machine of an attempt', () => {
  it('is what the metadata service of EC2 says, paid since its launch', async () => {
    answers = ec2();
    expect((await find())?.machine).toEqual({
      instanceType: 'g5.xlarge',
      capacity: 'spot',
      billedFrom: '2026-07-20T10:00:00.000Z',
    });
  });

  it('is paid from the end of the attempt before on the same machine', async () => {
    answers = ec2();
    const before = new Date().toISOString();
    await (await find())?.accountUntilNow();
    const { billedFrom = '' } = (await find())!.machine;
    expect(billedFrom >= before && billedFrom <= new Date().toISOString()).toBe(true);
    answers = {
      ...ec2(),
      'dynamic/instance-identity/document': JSON.stringify({ ...document, instanceId: 'i-2' }),
    };
    expect((await find())!.machine.billedFrom).toBe('2026-07-20T10:00:00.000Z');
  });

  it('is of unknown capacity where that is not told', async () => {
    answers = ec2({});
    expect((await find())?.machine).toMatchObject({ instanceType: 'g5.xlarge', capacity: null });
  });

  it('is not known where nobody answers', async () => {
    answers = {};
    expect(await find()).toBeNull();
    expect(await findMachine('http://127.0.0.1:1', folder.path())).toBeNull();
  });
});
