import { insertExperiment, insertRun, readRun, useTestServices } from '../testkit/api-services';
import { describeWithBrowser, type OpenPage, type Page } from '../testkit/browser';
import { type PageStack, type PageStackOptions, startPageStack } from '../testkit/page-stack';

/** In the page. */
declare const sessionStorage: {
  length: number;
  getItem(key: string): string;
  setItem(key: string, value: string): void;
};

/** As far as the page shows it. */
const definition = {
  data: { train: 's3://bucket/train.csv', test: 's3://bucket/test.csv' },
  teacher: null,
  vectors: null,
  variants: [
    { name: 'kd', method: 'kd', parameters: {} },
    { name: 'scratch', method: 'scratch', parameters: {} },
  ],
  seeds: [0, 1],
  execution: {},
};

/** The dashboard of the stack on AWS in a browser, with the functions behind emulated gateways and a real issuer. */
describeWithBrowser('the dashboard of the stack', (open: OpenPage) => {
  let stack: PageStack | null = null;
  // Before the hooks of the records, which the stack needs to its end.
  afterEach(async () => {
    await stack?.close();
    stack = null;
  });
  const services = useTestServices();
  beforeEach(async () => {
    await insertExperiment(services(), { name: 'Which way?', definition: JSON.stringify(definition) });
    await insertRun(services(), 'run-a', { variant: 'kd', method: 'kd' });
    await insertRun(services(), 'run-b', { variant: 'scratch', seed: 1 });
  });

  /** Opens the experiment's page and signs in there. */
  async function signIn(name: string, options: PageStackOptions = {}): Promise<Page> {
    stack = await startPageStack(services(), options);
    const page = await open(`${stack.url}#/experiments/experiment`);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await fillIn(page, name);
    return page;
  }

  /** Fills in the issuer's form. */
  async function fillIn(page: Page, name: string): Promise<void> {
    await page.locator('input[name=login]').fill(name);
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
  }

  const live = (page: Page) => page.locator('.live').first();
  const isSeen = (page: Page, button: string) => page.getByRole('button', { name: button, exact: true }).isVisible();
  const accessToken = (page: Page) =>
    page.evaluate(() => JSON.parse(sessionStorage.getItem('stillhouse.tokens')).accessToken as string);
  /** As if its time were over, and there were nothing to renew it with. */
  const endSignIn = (page: Page) =>
    page.evaluate(() => {
      const tokens = JSON.parse(sessionStorage.getItem('stillhouse.tokens'));
      const [header, claims, signature] = tokens.accessToken.split('.');
      const expired = btoa(JSON.stringify({ ...JSON.parse(atob(claims)), exp: 1 })).replace(/=+$/, '');
      const accessToken = [header, expired, signature].join('.');
      sessionStorage.setItem('stillhouse.tokens', JSON.stringify({ ...tokens, accessToken, refreshToken: null }));
    });

  it('lets an editor in, comes back to where it was, is live, and cancels a run', async () => {
    const page = await signIn('editor');
    await live(page).getByText('live', { exact: true }).waitFor();
    expect(page.url()).toBe(`${stack!.url}#/experiments/experiment`);
    expect(await page.locator('.viewer').textContent()).toBe('editoreditorSign out');

    await page.goto(`${stack!.url}#/runs/run-a`);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Retry', exact: true }).waitFor();
    expect(await readRun(services(), 'run-a')).toMatchObject({ state: 'CANCELLED' });
  });

  it('asks a newcomer to sign in, although the socket refuses before the service does', async () => {
    stack = await startPageStack(services());
    const page = await open(`${stack.url}dashboard.svg`);
    await page.route('**/graphql', async (route) => {
      await page.waitForEvent('websocket').then((socket) => socket.waitForEvent('close'));
      await route.continue();
    });
    await page.goto(`${stack.url}#/experiments/experiment`);
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    expect(await page.locator('.notice').count()).toBe(0);
  });

  it('shows a viewer no button that changes something', async () => {
    const page = await signIn('viewer');
    await live(page).getByText('live', { exact: true }).waitFor();
    expect(await page.locator('.role').textContent()).toBe('viewer');
    for (const button of ['Limit cost', 'Cancel']) expect(await isSeen(page, button)).toBe(false);
  });

  it('says why somebody without a role is not let in, and offers another name', async () => {
    const page = await signIn('stranger');
    await page.getByText('The claim "roles" of the token says "stranger"').waitFor();
    await page.getByRole('button', { name: 'As somebody else' }).click();
    await fillIn(page, 'admin');
    await page.locator('.role').getByText('admin').waitFor();
  });

  it('renews an access token before it ends, and goes on live', async () => {
    const page = await signIn('admin', { accessTokenSeconds: 8 });
    await live(page).getByText('live', { exact: true }).waitFor();
    const first = await accessToken(page);
    await page.goto(`${stack!.url}#/`);
    // The list asks again every 5 s.
    await page.waitForFunction(
      (before) => JSON.parse(sessionStorage.getItem('stillhouse.tokens')).accessToken !== before,
      first,
    );
    await page.goto(`${stack!.url}#/experiments/experiment`);
    await live(page).getByText('live', { exact: true }).waitFor();
  });

  it('says that a sign-in has expired, and signs in again without a password', async () => {
    const page = await signIn('admin');
    await page.locator('.role').waitFor();
    await endSignIn(page);
    await page.goto(`${stack!.url}#/`);
    await page.getByText('Your sign-in has expired.').waitFor();
    await page.getByRole('button', { name: 'Sign in again' }).click();
    // The issuer still knows who it is.
    await page.locator('.role').getByText('admin').waitFor();
  });

  it('signs out here and at the issuer', async () => {
    const page = await signIn('admin');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Yes, sign me out' }).click();
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.locator('input[name=login]').waitFor();
  });

  it('polls where no WebSocket can be reached, says so, and shows what changes', async () => {
    const page = await signIn('viewer', { config: { socket: 'ws://127.0.0.1:9/live' } });
    await live(page).getByText('no WebSocket: asking every 5 s').waitFor();
    await page.locator('table.runs tbody tr').nth(1).waitFor();
    expect(await page.locator('table.runs tbody tr').count()).toBe(2);
    const changed = { state: 'RUNNING', phase: 'training', revision: 1 } as const;
    await services().database.updateTable('run').set(changed).where('id', '=', 'run-b').execute();
    await page.locator('table.runs').getByText('running').waitFor();
  });

  it('gives the explorer the same token, for subscriptions too', async () => {
    const page = await signIn('viewer');
    await page.locator('.role').waitFor();
    const query = 'subscription { runUpdated(experimentId: "experiment") { run { variant } } }';
    await page.goto(`${stack!.url}explorer.html?query=${encodeURIComponent(query)}`);
    await page.getByRole('button', { name: /Execute query/ }).click();
    await page.locator('.result-window').getByText('scratch').waitFor();
  });
});
