import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithBrowser, type Page } from '../testkit/browser';
import { request, type ServerProcess, startServerProcess } from '../testkit/server-process';
import { launch, tinyParameters, writeTinyData } from '../testkit/tiny-experiment';

describeWithBrowser('the page of an experiment', (open) => {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
  let server: ServerProcess;
  let id: string;
  let page: Page;
  beforeAll(async () => {
    server = await startServerProcess(folder, { slots: '0' });
    id = await launch(server.address, {
      name: 'Dear',
      question: '',
      data: writeTinyData(folder),
      variants: [{ name: 'scratch', method: 'scratch', parameters: tinyParameters }],
      seeds: [0],
    });
  });
  afterAll(async () => {
    await server?.end('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    page = await open(`${server.address}/#/experiments/${id}`);
  });

  const click = (label: string) => page.getByRole('button', { name: label, exact: true }).click();
  const dialog = () => page.getByRole('dialog');
  const confirm = (label: string) => dialog().getByRole('button', { name: label, exact: true }).click();
  const type = (text: string) => dialog().getByRole('textbox').fill(text);
  const maxCost = async () => {
    const query = 'query ($id: ID!) { experiment(id: $id) { maxCost } }';
    return (await request<{ experiment: { maxCost: number | null } }>(server.address, query, { id })).experiment
      .maxCost;
  };

  it('sets the limit of its cost, shows it, and lifts it', async () => {
    await click('Limit cost');
    await type('12.50');
    await confirm('Limit cost');
    await page.getByText('of at most $12.50').waitFor();
    expect(await maxCost()).toBe(12.5);
    await dialog().waitFor({ state: 'hidden' });

    await click('Limit cost');
    await type('');
    await confirm('Limit cost');
    await page.getByText('of at most').waitFor({ state: 'hidden' });
    expect(await maxCost()).toBeNull();
  });

  it('sends no invalid limit, and says what to write', async () => {
    await click('Limit cost');
    await type('ten');
    await dialog().getByRole('alert').waitFor();
    expect(await dialog().getByRole('button', { name: 'Limit cost' }).isDisabled()).toBe(true);
    expect(await dialog().textContent()).toContain('"ten" is no limit');
    expect(await maxCost()).toBeNull();
  });

  it('shows a sentence in place of empty charts until a run has begun', async () => {
    await page.getByText('No run has begun yet.').waitFor();
    expect(await page.locator('.charts').count()).toBe(0);
    await page.getByRole('link', { name: 'scratch', exact: false }).first().click();
    await page.getByText('The run has logged no metrics yet.').waitFor();
    expect(await page.locator('.charts').count()).toBe(0);
  });

  it('of a run asks for it again when it changes, and not while nothing does', async () => {
    const query = 'query ($id: String!) { runs(filter: { experimentId: { eq: $id } }) { nodes { id } } }';
    const { runs } = await request<{ runs: { nodes: { id: string }[] } }>(server.address, query, { id });
    const run = runs.nodes[0]!.id;
    let asked = 0;
    page = await open(`${server.address}/#/runs/${run}`);
    page.on('request', (sent) => {
      if (/query Run\b/.test(sent.postData() ?? '')) asked += 1;
    });
    await page.locator('.live').getByText('live', { exact: true }).waitFor();
    // The first event, which tells of the run as it is, is over by then.
    await page.waitForTimeout(3000);
    const before = asked;
    await page.waitForTimeout(3000);
    expect(asked).toBe(before);
    await request(server.address, 'mutation ($id: ID!) { cancelRun(runId: $id) { __typename } }', { id: run });
    await page.getByText('cancelled', { exact: false }).first().waitFor();
  });

  it('is live, and says that it lost the server', async () => {
    const live = page.locator('.live');
    await live.getByText('live', { exact: true }).waitFor();
    await server.end('SIGTERM');
    await live.getByText('connection lost, trying again').waitFor();
  });
});
