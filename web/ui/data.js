// data.js: what a page reads and what it does, with the states in between.
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { getTagged } from '../api.js';
import { toast } from './toast.js';
import { useWaiting } from './together.js';

const NOTHING = { data: null, error: null, loading: false, etag: null, of: null };

/**
 * Reads "/v1/..." (or whatever `load`, a function of a signal, gives): {data, error, loading, etag, reload}.
 * `every`: asked again after so many milliseconds while the page is seen; what was there stays until the new is. null reads nothing.
 */
export function useData(target, { every = 0, load = null } = {}) {
  const [state, setState] = useState(NOTHING);
  const [turn, setTurn] = useState(0);
  const loader = useRef(load);
  loader.current = load;
  // What was read of another target is not shown for this one, not even once.
  const shown = state.of === target ? state : { ...NOTHING, loading: target !== null };
  useWaiting(shown.loading);

  // Before the browser paints, which gains a frame for each of what a page asks for.
  useLayoutEffect(() => {
    if (target === null) return undefined;
    const abort = new AbortController();
    let timer = 0;
    const ask = async () => {
      try {
        const answer = loader.current ? { data: await loader.current(abort.signal), etag: null } : await getTagged(target, { signal: abort.signal });
        if (abort.signal.aborted) return;
        setState({ ...answer, error: null, loading: false, of: target });
      } catch (error) {
        if (abort.signal.aborted) return;
        // What is shown stays, with the reason why it is not fresh.
        setState((before) => ({ ...(before.of === target ? before : NOTHING), error, loading: false, of: target }));
      }
      if (every > 0) timer = setTimeout(() => (document.hidden ? again() : ask()), every);
    };
    const again = () => document.addEventListener('visibilitychange', ask, { once: true, signal: abort.signal });
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [target, every, turn]);

  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { ...shown, reload };
}

/**
 * A change: [run, busy, error]. `act` is async; `done` is the sentence that says it worked (or a function of act's result).
 * A failure is kept in `error`, for <Problem>, and run() gives false.
 */
export function useAction(act, done) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const run = async (...args) => {
    setBusy(true);
    setError(null);
    try {
      const result = await act(...args);
      const words = typeof done === 'function' ? done(result) : done;
      if (words) toast(words);
      return true;
    } catch (failure) {
      setError(failure);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return [run, busy, error, () => setError(null)];
}
