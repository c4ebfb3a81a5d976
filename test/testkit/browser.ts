import { spawnSync } from 'node:child_process';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

export type { Page } from 'playwright-core';

const variable = 'STILLHOUSE_TEST_CHROMIUM';

/** Path of a Chromium on this machine; null: none. */
function findChromium(): string | null {
  const names = [process.env[variable], 'chromium', 'chromium-browser', 'google-chrome'];
  for (const name of names) {
    const path = name && spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim();
    if (path) return path;
  }
  return null;
}

/** Opens an address in a profile of its own, which is gone after the test. */
export type OpenPage = (address: string, options?: BrowserContextOptions) => Promise<Page>;

/** Tests of pages in Chromium. Without Chromium they are skipped, with the reason in their name. */
export function describeWithBrowser(name: string, tests: (open: OpenPage) => void): void {
  const executablePath = findChromium();
  if (executablePath === null) {
    describe.skip(`${name} (skipped: no chromium; install it, or set ${variable})`, () => tests(async () => null!));
    return;
  }
  describe(name, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
    });
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
    });
    afterAll(() => browser.close());
    tests(async (address, options) => {
      const context = await browser.newContext(options);
      // The machine may be busy with other tests.
      context.setDefaultTimeout(30_000);
      const page = await context.newPage();
      await page.goto(address);
      return page;
    });
  });
}
