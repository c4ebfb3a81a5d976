import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildFinding, type Finding, inspectAws, issuerFinding } from '../../doctor/aws';
import { startTokenIssuer } from '../testkit/token-issuer';

/** An account as its services answer, each in the protocol that the SDK speaks to it. */
interface Account {
  identity: { status: number };
  /** null: CDK was never bootstrapped. */
  bootstrap: string | null;
  quotas: Record<string, Record<string, number>>;
  /** Why budgets may not be had; null: they may. */
  noBudgets: string | null;
}

const account = (given: Partial<Account> = {}): Account => ({
  identity: { status: 200 },
  bootstrap: '25',
  quotas: {
    ec2: { 'Running On-Demand G and VT instances': 64, 'All G and VT Spot Instance Requests': 64 },
    lambda: { 'Concurrent executions': 1000 },
  },
  noBudgets: null,
  ...given,
});

let server: Server;
let current: Account;
const before = { ...process.env };

beforeEach(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { status, body } = answerTo(String(request.headers['x-amz-target'] ?? ''), Buffer.concat(chunks).toString());
    const type = body.startsWith('<') ? 'text/xml' : 'application/x-amz-json-1.1';
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 's',
  });
});
afterEach(async () => {
  process.env = { ...before };
  await new Promise((resolve) => server.close(resolve));
});

function answerTo(target: string, body: string): { status: number; body: string } {
  const json = (value: object, status = 200) => ({ status, body: JSON.stringify(value) });
  if (target.endsWith('.GetParameter'))
    return current.bootstrap === null
      ? json({ __type: 'ParameterNotFound', message: '' }, 400)
      : json({ Parameter: { Name: 'version', Value: current.bootstrap } });
  if (target.endsWith('.ListServiceQuotas')) {
    const quotas = current.quotas[JSON.parse(body).ServiceCode] ?? {};
    return json({ Quotas: Object.entries(quotas).map(([QuotaName, Value]) => ({ QuotaName, Value })) });
  }
  if (target.endsWith('.DescribeBudgets'))
    return current.noBudgets === null
      ? json({ Budgets: [] })
      : json({ __type: 'AccessDeniedException', Message: current.noBudgets }, 400);
  if (current.identity.status !== 200)
    return {
      status: current.identity.status,
      body: '<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>expired</Message></Error></ErrorResponse>',
    };
  return {
    status: 200,
    body: '<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>A</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>',
  };
}

async function inspect(given: Partial<Account> = {}, gpus = ''): Promise<Finding[]> {
  current = account(given);
  return inspectAws({ issuer: null, gpus, buildsImage: false });
}
const wrongIn = (findings: Finding[]) => findings.flatMap(({ kind, text }) => (kind === 'wrong' ? text : []));

describe('the doctor of an account', () => {
  it('finds nothing wrong with one that is ready', async () => {
    const findings = await inspect();
    expect(wrongIn(findings)).toEqual([]);
    expect(findings.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        'the account is 123456789012, you are arn:aws:iam::123456789012:user/ann, the region is eu-west-1',
        'eu-west-1 has Aurora DSQL and machines of g5, g4dn',
        'CDK is bootstrapped in eu-west-1, version 25',
        'the quota "All G and VT Spot Instance Requests" is 64 vCPUs: 16 spot runs at a time on g4dn, g5',
        'the account may have budgets',
      ]),
    );
  });

  it('says of quotas of 0 that runs would wait for ever, and of few functions that more are to be asked for', async () => {
    const quotas = {
      ec2: { 'Running On-Demand G and VT instances': 4, 'All G and VT Spot Instance Requests': 0 },
      lambda: { 'Concurrent executions': 10 },
    };
    const findings = await inspect({ quotas });
    expect(wrongIn(findings)).toEqual([
      'the quota "All G and VT Spot Instance Requests" is 0 vCPUs: spot runs on g4dn, g5 would wait for ever; ask for 64 (16 runs at a time) in Service Quotas, EC2',
    ]);
    const looks = findings.filter(({ kind }) => kind === 'look').map(({ text }) => text);
    expect(looks.join('\n')).toContain('is 4 vCPUs: 1 on-demand run at a time');
    expect(looks.join('\n')).toContain('10 functions may run at a time');
  });

  it('counts the runs of a quota by the machine that each takes whole', async () => {
    process.env.AWS_REGION = 'us-east-1';
    const quotas = { ec2: { 'Running On-Demand P instances': 64, 'All P5 Spot Instance Requests': 8 }, lambda: {} };
    const texts = (await inspect({ quotas }, 'p5')).map(({ text }) => text).join('\n');
    expect(texts).toContain(
      'the quota "Running On-Demand P instances" is 64 vCPUs: 4 on-demand runs at a time on p5; for more ask for 256 (16 runs at a time)',
    );
    expect(texts).toContain(
      '"All P5 Spot Instance Requests" is 8 vCPUs: spot runs on p5 would wait for ever; ask for 256',
    );
  });

  it('says how to bootstrap, and what to do on a member account without budgets', async () => {
    const noBudgets =
      'Account 123456789012 is a linked account. To enable budgets for your account, ask the payer account';
    expect(wrongIn(await inspect({ bootstrap: null, noBudgets }))).toEqual([
      'CDK is not bootstrapped in eu-west-1: npm run cdk -- bootstrap',
      `the account may have no budget (AccessDeniedException: ${noBudgets}): deploy with --parameters MonthlyBudget=0`,
    ]);
    expect(wrongIn(await inspect({ bootstrap: '5' }))[0]).toContain('has version 5, 6 is needed');
  });

  it('says which machines a region has, and where there is no Aurora DSQL', async () => {
    expect(wrongIn(await inspect({}, 'g6'))[0]).toContain('eu-west-1 has no machines of g6');
    process.env.AWS_REGION = 'af-south-1';
    expect(wrongIn(await inspect())[0]).toContain('Aurora DSQL is not offered in af-south-1');
  });

  it('ends where there are no credentials, or no region', async () => {
    expect(wrongIn(await inspect({ identity: { status: 403 } }))).toEqual([
      expect.stringContaining('there are no credentials that AWS takes'),
    ]);
    delete process.env.AWS_REGION;
    process.env.AWS_CONFIG_FILE = '/nowhere';
    process.env.AWS_SHARED_CREDENTIALS_FILE = '/nowhere';
    expect(wrongIn(await inspect())).toEqual([expect.stringContaining('no region is set')]);
  });
});

describe('the doctor of an issuer', () => {
  it('holds it to the letter, a slash at the end included', async () => {
    const issuer = await startTokenIssuer();
    try {
      expect(await issuerFinding(issuer.address)).toMatchObject({ kind: 'right' });
      expect(await issuerFinding(`${issuer.address}/`)).toEqual({
        kind: 'wrong',
        text: `the issuer calls itself "${issuer.address}": give that, not "${issuer.address}/"`,
      });
      expect(await issuerFinding(`${issuer.address}/elsewhere`)).toMatchObject({ kind: 'wrong' });
    } finally {
      await issuer.close();
    }
  });

  it('refuses one that signs with elliptic curves alone, which API Gateway does not take', async () => {
    const server = createServer((_request, response) => {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const algorithms = { id_token_signing_alg_values_supported: ['ES256'] };
      response.end(JSON.stringify({ issuer: address, jwks_uri: `${address}/keys`, ...algorithms }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await issuerFinding(address)).toEqual({
      kind: 'wrong',
      text: `${address} signs with ES256: API Gateway takes RSA signatures (RS256) alone over HTTP`,
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

it('says that a machine with an ARM processor cannot build the image', () => {
  expect(buildFinding('x64').kind).toBe('right');
  expect(buildFinding('arm64')).toMatchObject({ kind: 'wrong', text: expect.stringContaining('-c trainerImage=URI') });
});
