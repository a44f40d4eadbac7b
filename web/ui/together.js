// together.js: a page is shown when everything that it begins with has been read, so that no part of it is moved by what comes after.
import { createContext } from 'preact';
import { useContext, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { html } from './html.js';

// {wait(part), leave(part), shown}; nobody waits where there is none.
const Waiting = createContext({ wait() {}, leave() {}, shown: true });

/** Around one page: what is drawn in it can wait. Once the page is shown it stays so. */
export function Together({ children }) {
  const [shown, setShown] = useState(false);
  const parts = useRef(new Set()).current;
  const look = () => parts.size === 0 && setShown(true);
  // All that is drawn at first has said by now whether it waits.
  useLayoutEffect(look, []);
  const wait = (part) => parts.add(part);
  const leave = (part) => {
    parts.delete(part);
    look();
  };
  return html`<${Waiting.Provider} value=${{ wait, leave, shown }}>${children}<//>`;
}

/** Whether the page is to be shown yet. */
export const useShown = () => useContext(Waiting).shown;

/** The page waits for this part as long as `loading` is true for the first time. */
export function useWaiting(loading) {
  const page = useContext(Waiting);
  const part = useRef(null);
  if (part.current === null) {
    part.current = {};
    if (loading) page.wait(part.current); // while it is drawn: before that which drew it says that it has got what it waited for
  }
  useLayoutEffect(() => {
    if (!loading) page.leave(part.current);
  }, [loading]);
  useLayoutEffect(() => () => page.leave(part.current), []);
}
