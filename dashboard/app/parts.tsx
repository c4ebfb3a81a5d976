import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Live, LiveState } from '../../client/subscription';
import type { RunState } from '../../contract/run-states';
import { agoText, countText, timeText } from '../../presentation/format';
import { RequestFailure, request } from './api';
import type { Change, Note, Problem, RunCount } from './queries';

/** In the order of a run's life; the bar shows what is done first. */
export const runStates: RunState[] = [
  'SUCCEEDED',
  'FAILED',
  'STOPPED',
  'CANCELLED',
  'RUNNING',
  'STARTING',
  'SUBMITTED',
  'PENDING',
];

export const StateMark = ({ state }: { state: string }) => (
  <span class={`state state-${state.toLowerCase()}`}>{state.toLowerCase()}</span>
);

/** Where an experiment is, for a reader: a launched one whose runs are all over has finished. */
export function ExperimentMark(props: { state: string; archived: boolean; counts: readonly RunCount[] }) {
  const { state, archived, counts } = props;
  const isFinished = state === 'launched' && counts.every(({ isOver }) => isOver);
  return <StateMark state={archived ? 'archived' : isFinished ? 'finished' : state} />;
}

/** Runs by state as one bar; the words beside it say the same. */
export function RunsBar({ counts }: { counts: readonly RunCount[] }) {
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const present = runStates.flatMap((state) => counts.filter((entry) => entry.state === state && entry.count > 0));
  const words = present.map(({ state, count }) => `${count} ${state.toLowerCase()}`).join(', ');
  return (
    <span class="runs-bar">
      <span class="bar" aria-hidden="true">
        {present.map(({ state, count }) => (
          <span key={state} class={`fill fill-${state.toLowerCase()}`} style={{ width: `${(100 * count) / total}%` }} />
        ))}
      </span>
      <span class="quiet">
        {countText(total, 'run')}
        {words && `: ${words}`}
      </span>
    </span>
  );
}

export const Ago = ({ time }: { time: string }) => (
  <time dateTime={time} title={timeText(time)}>
    {agoText(time)}
  </time>
);

/** Something a reader must know; announced where it appears later. */
export const Notice = ({ kind, children }: { kind: 'trouble' | 'warning' | 'quiet'; children: ComponentChildren }) => (
  <div class={`notice notice-${kind}`} role={kind === 'trouble' ? 'alert' : 'status'}>
    {children}
  </div>
);

/** Why a part has no answer. That nothing answers at all is said once for the whole page (main.tsx). */
export const TroubleNotice = ({ trouble }: { trouble: RequestFailure | null }) =>
  trouble?.kind === 'refused' ? <Notice kind="trouble">{trouble.message}</Notice> : null;

export const Problems = ({ problems }: { problems: readonly Problem[] }) => (
  <ul class="problems">
    {problems.map(({ path, message }) => (
      <li key={path + message}>
        {path && <code>{path}</code>} {message}
      </li>
    ))}
  </ul>
);

const liveWords: Record<LiveState, string> = {
  connecting: 'connecting',
  live: 'live',
  polling: 'no WebSocket: asking every 5 s',
  lost: 'connection lost, trying again',
  over: 'complete',
  refused: 'not followed',
  locked: 'signed out',
};

export const LiveMark = ({ live: { state, reason } }: { live: Live }) => (
  <span class={`live live-${state}`} role="status">
    {liveWords[state]}
    {reason !== null && `: ${reason}`}
  </span>
);

export interface Choice {
  value: string;
  label: string;
}

/** @param bare the label is for those alone who do not see what it stands beside */
export function Select(props: {
  label: string;
  bare?: boolean;
  value: string;
  choices: Choice[];
  onChange(value: string): void;
}) {
  const { label, bare = false, value, choices, onChange } = props;
  return (
    <label class="field">
      <span class={bare ? 'unseen' : ''}>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </label>
  );
}

/**
 * A button that asks before it changes something, and says why it could not.
 * @param given what the change is about; null while what is typed into `children` cannot be sent
 */
export function ChangeButton<Given extends { id: string }>(props: {
  label: string;
  question: string;
  change: Change<Given & { key: string }>;
  given: Given | null;
  dangerous?: boolean;
  onDone(): void;
  children?: ComponentChildren;
}) {
  const { label, question, change, given, dangerous = false, onDone, children } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [key, setKey] = useState('');
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [sending, setSending] = useState(false);

  const open = () => {
    // One id for all tries of this request: sent twice, it is done once.
    setKey(crypto.randomUUID());
    setProblems([]);
    dialog.current?.showModal();
  };
  const send = async () => {
    if (given === null) return;
    setSending(true);
    try {
      const { change: outcome } = await request(change, { ...given, key });
      setProblems(outcome.problems ?? []);
      if (outcome.problems === undefined) dialog.current?.close();
      onDone();
    } catch (error) {
      if (!(error instanceof RequestFailure)) throw error;
      setProblems([{ path: '', message: error.message }]);
    } finally {
      setSending(false);
    }
  };
  return (
    <>
      <button type="button" class={dangerous ? 'dangerous' : ''} onClick={open}>
        {label}
      </button>
      <dialog ref={dialog} aria-label={label}>
        <p>{question}</p>
        {children}
        {problems.length > 0 && <Problems problems={problems} />}
        <div class="row end">
          <button type="button" onClick={() => dialog.current?.close()}>
            Leave as it is
          </button>
          <button
            type="button"
            class={dangerous ? 'dangerous' : 'primary'}
            disabled={sending || given === null}
            onClick={send}
          >
            {label}
          </button>
        </div>
      </dialog>
    </>
  );
}

/** The heading of a page: takes the focus when the page is opened, and names the tab. */
export function PageTitle({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Stillhouse`;
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <div class="title">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}

/** What may be wider or higher than its place: scrolls by itself, with the keyboard too. */
export const Scroll = (props: { label: string; tall?: boolean; children: ComponentChildren }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: without a place in the tab order no key would scroll it
  <section class={`scroll ${props.tall ? 'tall' : ''}`} tabIndex={0} aria-label={props.label}>
    {props.children}
  </section>
);

/** A name and its value, in a list of `facts`. */
export const Fact = ({ name, children }: { name: string; children: string | number }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

export const Tags = ({ tags }: { tags: readonly string[] }) =>
  tags.length === 0 ? null : (
    <ul class="tags" aria-label="Tags">
      {tags.map((tag) => (
        <li key={tag}>{tag}</li>
      ))}
    </ul>
  );

export function Notes({ notes }: { notes: readonly Note[] }) {
  return (
    <section class="card" aria-labelledby="notes">
      <h2 id="notes">Notes</h2>
      {notes.length === 0 && <p class="quiet">None. Leave one with the mutation annotate.</p>}
      <ul class="notes">
        {notes.map(({ id, runId, text, author, createdAt }) => (
          <li key={id}>
            <p>{text}</p>
            <p class="quiet">
              {author}, <Ago time={createdAt} />
              {runId && (
                <>
                  , on <a href={`#/runs/${runId}`}>a run</a>
                </>
              )}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
