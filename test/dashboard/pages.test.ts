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

  it('is live, and says that it lost the server', async () => {
    const live = page.locator('.live');
    await live.getByText('live', { exact: true }).waitFor();
    await server.end('SIGTERM');
    await live.getByText('connection lost, trying again').waitFor();
  });
});
