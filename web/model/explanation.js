// explanation.js: what the answer of :explain rests on, in words.

/** What decided, or came nearest: [heading, words], or null when nothing did. */
export function decidedBy({ grant, route, decides }) {
  if (grant) return ['Allowed for a time', `by grant ${grant.id}, ${grant.uses_left === null ? 'for any number of requests' : 'for one more request'}`];
  return route ? [decides ? 'Decided by route' : 'The nearest route', route] : null;
}

/** What a grant means for it, as a sentence; '' when there is none. */
export function aboutGrant({ grant, verdict }) {
  if (!grant) return '';
  return verdict === 'allowed' ? `Without the grant it would be refused: ${grant.without_text}` : 'A grant covers it, and it is refused all the same.';
}
