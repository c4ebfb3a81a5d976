import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { onServiceState, type ServiceState } from './api';
import { ExperimentPage } from './experiment';
import { ExperimentsPage } from './experiments';
import { useQuery } from './hooks';
import { openPage } from './page';
import { TroubleNotice } from './parts';
import { viewer as viewerQuery } from './queries';
import { RunPage } from './run';
import { Session, SignInFailed } from './session';
import { EndNotice, SignInCard, ViewerMark } from './sign-in';
import './style.css';
import './data.css';

/** The address behind `#`: /experiments/<id>, /runs/<id>, or the list with its search and place. */
function useRoute(): { page: string; id: string; search: URLSearchParams } {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const change = () => setHash(location.hash);
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  const [path = '', search] = hash.replace(/^#/, '').split('?');
  const [, page = '', id = ''] = path.split('/');
  return { page, id, search: new URLSearchParams(search) };
}

/** @param signInFailure why the sign-in failed that led to this address; null: it did not, or none did */
function App({ signInFailure }: { signInFailure: string | null }) {
  const [service, setService] = useState<ServiceState>(
    signInFailure === null ? { kind: 'answers' } : { kind: 'locked', reason: signInFailure },
  );
  useEffect(() => onServiceState(setService), []);
  const { data, trouble } = useQuery(viewerQuery, service.kind === 'locked' ? null : {});
  const viewer = service.kind === 'locked' ? null : (data?.viewer ?? null);
  return (
    <>
      <header class="top">
        <a class="brand" href="#/">
          <img src="/dashboard.svg" alt="" width="28" height="28" />
          Stillhouse
        </a>
        <nav aria-label="Site">
          <a href="#/">Experiments</a>
          <a href="/explorer.html">GraphQL explorer</a>
        </nav>
        <ViewerMark viewer={viewer} />
      </header>
      <main>
        {service.kind === 'locked' ? (
          <SignInCard reason={service.reason} />
        ) : (
          <>
            <EndNotice />
            <TroubleNotice trouble={trouble} />
            <CurrentPage mayEdit={viewer !== null && viewer.role !== 'VIEWER'} />
          </>
        )}
      </main>
      {service.kind === 'unreachable' && (
        <p class="unreachable" role="alert">
          The service does not answer. Trying again; what is shown may be old.
        </p>
      )}
    </>
  );
}

function CurrentPage({ mayEdit }: { mayEdit: boolean }) {
  const { page, id, search } = useRoute();
  if (page === 'experiments') return <ExperimentPage key={id} id={id} mayEdit={mayEdit} />;
  if (page === 'runs') return <RunPage key={id} id={id} mayEdit={mayEdit} />;
  return <ExperimentsPage search={search} />;
}

/** Takes the issuer's answer where the address holds one. @returns why the sign-in failed; null: it did not */
async function endSignIn(session: Session): Promise<string | null> {
  const url = new URL(location.href);
  if (!Session.isAnswer(url)) return null;
  try {
    const hash = await session.comeBack(url);
    history.replaceState(null, '', `/${hash}`);
    return null;
  } catch (error) {
    if (!(error instanceof SignInFailed)) throw error;
    history.replaceState(null, '', '/');
    return error.message;
  }
}

async function main(): Promise<void> {
  try {
    const { session } = await openPage();
    const signInFailure = await endSignIn(session);
    render(<App signInFailure={signInFailure} />, document.body);
  } catch (error) {
    document.body.textContent = `The dashboard cannot start: ${(error as Error).message}. Load it again.`;
  }
}

void main();
