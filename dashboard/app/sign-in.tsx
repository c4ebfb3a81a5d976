import { useEffect, useState } from 'preact/hooks';
import { currentPage } from './page';
import { Notice } from './parts';
import { SignInFailed } from './session';

/**
 * The way in, where the service wants to know who asks.
 * @param reason why a token was refused, or a sign-in failed; null: nobody has tried
 */
export function SignInCard({ reason }: { reason: string | null }) {
  const { session } = currentPage();
  return (
    <section class="card sign-in">
      <h1>{session.canSignIn() ? 'Sign in' : 'Access token'}</h1>
      {reason === null ? (
        <p>This service answers only to those it knows.</p>
      ) : (
        <Notice kind="warning">{sentence(reason)}</Notice>
      )}
      {session.canSignIn() ? <SignInButtons wasRefused={reason !== null} /> : <TokenForm />}
      {session.canSignIn() && (
        <details>
          <summary>Use an access token</summary>
          <TokenForm />
        </details>
      )}
    </section>
  );
}

function SignInButtons({ wasRefused }: { wasRefused: boolean }) {
  const { config } = currentPage();
  const { leave, leaving, failure } = useSignIn();
  return (
    <>
      {failure !== null && <Notice kind="trouble">{failure}</Notice>}
      <div class="row">
        <button type="button" class="primary" disabled={leaving} onClick={() => leave()}>
          {leaving ? 'Opening the sign-in page …' : wasRefused ? 'Sign in again' : 'Sign in'}
        </button>
        {wasRefused && (
          <button type="button" disabled={leaving} onClick={() => leave('login')}>
            As somebody else
          </button>
        )}
      </div>
      <p class="quiet">You sign in at {new URL(config.issuer).host}, and come back here.</p>
    </>
  );
}

/** Leaves for the issuer's page, and says why that did not work. */
function useSignIn() {
  const [leaving, setLeaving] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const leave = async (prompt?: 'login') => {
    setLeaving(true);
    setFailure(null);
    try {
      await currentPage().session.signIn(location.hash, prompt);
    } catch (error) {
      if (!(error instanceof SignInFailed)) throw error;
      setFailure(error.message);
      setLeaving(false);
    }
  };
  return { leave, leaving, failure };
}

function TokenForm() {
  const { session } = currentPage();
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        session.paste(String(new FormData(event.currentTarget).get('token')).trim());
        // Anew, so that nothing asked without it is left.
        location.reload();
      }}
    >
      <label class="field">
        <span>Token</span>
        <input name="token" type="password" autocomplete="off" required />
      </label>
      <button type="submit" class={session.canSignIn() ? '' : 'primary'}>
        Come in
      </button>
      <p class="quiet">It is kept until this tab is closed, and sent to this service alone.</p>
    </form>
  );
}

const noticeMilliseconds = 120_000;

/** A sign-in that cannot be renewed silently is announced before it ends. */
export function EndNotice() {
  const endsAt = currentPage().session.endsAt();
  const [isNear, setIsNear] = useState(false);
  const { leave, leaving, failure } = useSignIn();
  useEffect(() => {
    if (endsAt === null) return;
    const timer = setTimeout(() => setIsNear(true), Math.max(0, endsAt - noticeMilliseconds - Date.now()));
    return () => clearTimeout(timer);
  }, [endsAt]);
  if (endsAt === null || !isNear) return null;
  return (
    <Notice kind="warning">
      <div class="row">
        <span>
          Your sign-in ends at {new Date(endsAt).toLocaleTimeString()}.{failure && ` ${failure}`}
        </span>
        <button type="button" disabled={leaving} onClick={() => leave()}>
          Renew it
        </button>
      </div>
    </Notice>
  );
}

const roleWords: Record<string, string> = {
  VIEWER: 'reads everything, changes nothing',
  EDITOR: 'creates, launches, cancels, retries, tags and annotates',
  ADMIN: 'does everything, archiving too',
};

/** Who looks, in which role, and the way out. */
export function ViewerMark({ viewer }: { viewer: { name: string; role: string } | null }) {
  const { session } = currentPage();
  return (
    <span class="viewer quiet">
      {viewer && (
        <>
          <span class="viewer-name">{viewer.name}</span>
          <span class="role" title={roleWords[viewer.role]}>
            {viewer.role.toLowerCase()}
          </span>
        </>
      )}
      {(session.isSignedIn() || session.hasPastedToken()) && (
        <button type="button" class="link" onClick={() => session.signOut()}>
          {session.isSignedIn() ? 'Sign out' : 'Forget token'}
        </button>
      )}
    </span>
  );
}

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
