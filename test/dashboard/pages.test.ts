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
    await page.until(
      `[...document.querySelectorAll('button')].some(({ textContent }) => textContent === 'Limit cost')`,
    );
  });

  const click = (label: string, within = '') =>
    page.evaluate(
      `[...document.querySelectorAll('${within} button')].find((one) => one.textContent === '${label}').click()`,
    );
  const type = (text: string) =>
    page.evaluate(`{
      const input = document.querySelector('dialog[open] input');
      input.value = '${text}';
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }`);
  const maxCost = async () => {
    const query = 'query ($id: ID!) { experiment(id: $id) { maxCost } }';
    return (await request<{ experiment: { maxCost: number | null } }>(server.address, query, { id })).experiment
      .maxCost;
  };

  it('sets the limit of its cost, shows it, and lifts it', async () => {
    await click('Limit cost');
    await type('12.50');
    await click('Limit cost', 'dialog[open]');
    await page.until(`document.body.textContent.includes('of at most $12.50')`);
    expect(await maxCost()).toBe(12.5);
    await page.until(`document.querySelector('dialog[open]') === null`);

    await click('Limit cost');
    await type('');
    await click('Limit cost', 'dialog[open]');
    await page.until(`!document.body.textContent.includes('of at most')`);
    expect(await maxCost()).toBeNull();
  });

  it('sends no limit that is none, and says what to write', async () => {
    await click('Limit cost');
    await type('ten');
    await page.until(`document.querySelector('dialog[open] [role=alert]') !== null`);
    await click('Limit cost', 'dialog[open]');
    expect(await page.evaluate(`document.querySelector('dialog[open]').textContent`)).toContain('"ten" is no limit');
    expect(await maxCost()).toBeNull();
  });

  it('is live, and says that it lost the server', async () => {
    await page.until(`document.querySelector('.live').textContent === 'live'`);
    await server.end('SIGTERM');
    await page.until(`document.querySelector('.live').textContent.startsWith('connection lost, trying again')`);
  });
});
