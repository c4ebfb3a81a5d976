import { useEffect, useRef, useState } from 'preact/hooks';
import type { Operation } from '../../client/operation';
import { RequestFailure, request } from './api';

export interface QueryState<Data> {
  /** The newest answer; the former one while another is on its way. */
  data: Data | null;
  /** What stands between the page and a newer answer. */
  trouble: RequestFailure | null;
  waiting: boolean;
}

const firstRetryMilliseconds = 1000;
const longestRetryMilliseconds = 5_000;

/**
 * Asks when variables or version change, and again after a while where the service was not reached.
 *
 * @param variables null: nothing to ask yet
 * @param version another number: the same question may have another answer
 * @param refreshMilliseconds ask again after so long, while the page is seen; 0: never
 */
export function useQuery<Data, Variables>(
  operation: Operation<Data, Variables>,
  variables: Variables | null,
  { version = 0, refreshMilliseconds = 0 }: { version?: number; refreshMilliseconds?: number } = {},
): QueryState<Data> {
  const [state, setState] = useState<QueryState<Data>>({ data: null, trouble: null, waiting: true });
  const key = JSON.stringify(variables);

  // Dependencies: version and key stand for the question
  useEffect(() => {
    if (variables === null) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    let delay = firstRetryMilliseconds;
    const ask = async () => {
      try {
        if (document.hidden && refreshMilliseconds > 0) throw new Postponed();
        const data = await request(operation, variables, abort.signal);
        if (abort.signal.aborted) return;
        setState({ data, trouble: null, waiting: false });
        delay = firstRetryMilliseconds;
        if (refreshMilliseconds > 0) timer = setTimeout(ask, refreshMilliseconds);
      } catch (error) {
        if (abort.signal.aborted) return;
        if (error instanceof Postponed) {
          timer = setTimeout(ask, refreshMilliseconds);
          return;
        }
        if (!(error instanceof RequestFailure)) throw error;
        setState(({ data }) => ({ data, trouble: error, waiting: false }));
        if (error.kind !== 'unreachable') return;
        timer = setTimeout(ask, delay);
        delay = Math.min(delay * 2, longestRetryMilliseconds);
      }
    };
    setState(({ data, trouble }) => ({ data, trouble, waiting: true }));
    void ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [operation, key, version, refreshMilliseconds]);
  return state;
}

/** The page is not seen: ask later. */
class Postponed extends Error {}

/** The value once it has kept still for a while. */
export function useSettled<Value>(value: Value, milliseconds: number): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

/** As `value`, but at most one change in `milliseconds`, and the last change always. */
export function useThrottled<Value>(value: Value, milliseconds: number): Value {
  const [shown, setShown] = useState(value);
  const changedAt = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, changedAt.current + milliseconds - Date.now());
    const timer = setTimeout(() => {
      changedAt.current = Date.now();
      setShown(value);
    }, wait);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return shown;
}

/** Whether the system asks for dark colours; changes with it. */
export function useDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const change = () => setDark(query.matches);
    query.addEventListener('change', change);
    return () => query.removeEventListener('change', change);
  }, []);
  return dark;
}
