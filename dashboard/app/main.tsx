import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { forgetToken, hasToken, onServiceState, rememberToken, type ServiceState } from './api';
import { ExperimentPage } from './experiment';
import { ExperimentsPage } from './experiments';
import { useQuery } from './hooks';
import { TroubleNotice } from './parts';
import { viewer as viewerQuery } from './queries';
import { RunPage } from './run';
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

function App() {
  const { page, id, search } = useRoute();
  const [service, setService] = useState<ServiceState>('answers');
  useEffect(() => onServiceState(setService), []);
  const locked = service === 'locked';
  const { data, trouble } = useQuery(viewerQuery, locked ? null : {});
  const mayEdit = data !== null && data.viewer.role !== 'VIEWER';

  return (
    <>
      <header class="top">
        <a class="brand" href="#/">
          <img src="/dashboard.svg" alt="" width="28" height="28" />
          Stillhouse
        </a>
        <nav aria-label="Site">
          <a href="#/">Experiments</a>
          <a href="/explorer">GraphQL explorer</a>
        </nav>
        <span class="viewer quiet">
          {data && (
            <>
              {data.viewer.name} · {data.viewer.role.toLowerCase()}
            </>
          )}
          {hasToken() && (
            <button type="button" class="link" onClick={forgetToken}>
              Forget token
            </button>
          )}
        </span>
      </header>
      <main>
        {locked ? (
          <TokenForm />
        ) : (
          <>
            <TroubleNotice trouble={trouble} />
            {page === 'experiments' ? (
              <ExperimentPage key={id} id={id} mayEdit={mayEdit} />
            ) : page === 'runs' ? (
              <RunPage key={id} id={id} mayEdit={mayEdit} />
            ) : (
              <ExperimentsPage search={search} />
            )}
          </>
        )}
      </main>
      {service === 'unreachable' && (
        <p class="unreachable" role="alert">
          The service does not answer. Trying again; what is shown may be old.
        </p>
      )}
    </>
  );
}

function TokenForm() {
  return (
    <form
      class="card token"
      onSubmit={(event) => {
        event.preventDefault();
        rememberToken(String(new FormData(event.currentTarget).get('token')).trim());
      }}
    >
      <h1>Access token</h1>
      <p>{hasToken() ? 'The service does not know this token.' : 'This service answers only to those with a token.'}</p>
      <label class="field">
        <span>Token</span>
        <input name="token" type="password" autocomplete="off" required />
      </label>
      <p class="quiet">It is kept until this tab is closed, and sent to this service alone.</p>
      <button type="submit" class="primary">
        Come in
      </button>
    </form>
  );
}

render(<App />, document.body);
