import type { PageConfig } from '../../contract/page';
import { Session } from './session';

/** What this page is set up with, and who looks at it. */
export interface Page {
  config: PageConfig;
  session: Session;
}

let page: Page | null = null;

/** Reads the page's configuration. @throws where its server does not answer */
export async function openPage(): Promise<Page> {
  const response = await fetch('/config.json');
  if (!response.ok) throw new Error(`/config.json: HTTP ${response.status}`);
  const config = (await response.json()) as PageConfig;
  const session = new Session(config, {
    storage: sessionStorage,
    pageUrl: `${location.origin}/`,
    goTo: (url) => location.assign(url),
    now: () => Date.now(),
  });
  page = { config, session };
  return page;
}

/** The opened page. */
export function currentPage(): Page {
  if (page === null) throw new Error('the page is not open yet');
  return page;
}

/** The text of the `Authorization` header; null: none. */
export async function authorization(): Promise<string | null> {
  const token = await currentPage().session.token();
  return token === null ? null : `Bearer ${token}`;
}
