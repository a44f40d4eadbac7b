// binding.js: the lines of where a credential may go, as policy/spec_binding.c writes them, in words that a reader takes in at once.

const NOTES = { clear: 'over plain http', token: 'a token fetched with it', 'token-endpoint': 'to fetch a token', rotates: 'which renews it' };

/** "api.example.com:443 via 10.0.0.1:8443 own-ca:45fd..." -> {to: 'api.example.com:443', notes: ['via 10.0.0.1:8443', 'with a CA of its own']} */
export function bindingOf(line) {
  const [to, ...words] = line.split(' ');
  const notes = [];
  while (words.length > 0) {
    const word = words.shift();
    if (word === 'via' && words.length > 0) notes.push(`via ${words.shift()}`);
    else if (word.startsWith('own-ca:')) notes.push('with a CA of its own');
    else notes.push(Object.hasOwn(NOTES, word) ? NOTES[word] : word);
  }
  return { to, notes };
}

/** What the routes with that credential say of it: {providers, hosts}, each once. */
export function routesOf(routes, credential) {
  const using = routes.filter((route) => route.credential === credential);
  const once = (list) => [...new Set(list.filter(Boolean))];
  return { providers: once(using.map((route) => route.provider)), hosts: once(using.map((route) => route.host)) };
}
