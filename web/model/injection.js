// injection.js: how a credential goes in, as the form sees a route's `inject`. The form changes single members of it, so that what it has no
// field for stays; what it cannot show at all is left to the text.

/** The ways that the form has fields for: [kind, words]. */
export const INJECTIONS = [
  ['', 'choose how'], ['bearer', 'Authorization: Bearer'], ['header', 'a header'], ['basic', 'Basic, user and password'],
  ['query', 'a query parameter'], ['path', 'in the path, at {credential}'], ['body', 'a field of the body'],
  ['oauth2', 'a token that is fetched with it (OAuth 2)'], ['gcp', 'a token of Google, fetched with it'], ['aws', 'a signature of AWS'],
];

/** What a route gets when a kind is chosen. Members that have to be there are there, empty: the server says so at their field. */
const BEGINNINGS = {
  bearer: { bearer: true }, header: { header: '' }, basic: { basic: true }, query: { query: '' }, path: { path: true }, body: { body: '' },
  oauth2: { oauth2: { tokenUrl: '' } }, gcp: { gcp: true }, aws: { aws: { service: '' } },
};

/** The value of `inject` that a kind begins with; undefined for none. */
export const injectionOfKind = (kind) => BEGINNINGS[kind];

const GRANTS = [['', 'the client’s secret (clientCredentials)'], ['refreshToken', 'a refresh token'], ['jwtBearer', 'a private key that signs assertions (jwtBearer)']];
const IN_HEADER = [{ path: ['header'], label: 'Header', hint: 'None: Authorization with Bearer' }, { path: ['prefix'], label: 'In front of it' }];
const TOKEN = (kind) => [
  { path: [kind, 'scopes'], label: 'Scopes', words: true },
  { path: [kind, 'subject'], label: 'Subject' },
];

/**
 * Of each kind its fields: `path` inside `inject`, `needed` (stays as an empty text), `words` (a list), `options` (a choice; '' takes the
 * member away), `flag` (true or false; `flag` is what holds without it).
 */
export const FIELDS = {
  header: [{ path: ['header'], label: 'Header', needed: true }, { path: ['prefix'], label: 'In front of it' }],
  basic: [{ path: ['user'], label: 'User', hint: 'None: the credential is USER:PASSWORD' }],
  query: [{ path: ['query'], label: 'Parameter', needed: true }],
  body: [{ path: ['body'], label: 'Field', needed: true }],
  oauth2: [
    { path: ['oauth2', 'tokenUrl'], label: 'Where tokens are fetched', hint: 'An https URL', needed: true },
    { path: ['oauth2', 'grant'], label: 'The credential is', options: GRANTS },
    { path: ['oauth2', 'clientId'], label: 'Client id', hint: 'None: in the credential’s JSON' },
    { path: ['oauth2', 'clientAuth'], label: 'The client shows itself', options: [['', 'by Basic'], ['body', 'in the body']] },
    ...TOKEN('oauth2'),
    { path: ['oauth2', 'audience'], label: 'Audience' },
    ...IN_HEADER,
    { path: ['oauth2', 'answer'], label: 'The agent’s own requests for tokens there are answered with the placeholder', flag: false },
  ],
  gcp: [
    ...TOKEN('gcp'),
    { path: ['gcp', 'tokenUrl'], label: 'Where tokens are fetched', hint: 'None: as the credential’s file says' },
    ...IN_HEADER,
    { path: ['gcp', 'answer'], label: 'The agent’s own requests for tokens there are answered with the placeholder', flag: true },
  ],
  aws: [
    { path: ['aws', 'service'], label: 'Service', hint: 's3, bedrock …', needed: true },
    { path: ['aws', 'region'], label: 'Region', hint: 'None: the one in the host’s name' },
  ],
};

const isMap = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const isText = (value) => value === undefined || typeof value === 'string';
const shows = (field, value) => (field.words ? value === undefined || Array.isArray(value) : 'flag' in field ? value === undefined || typeof value === 'boolean' : isText(value));

/** The member at a path, or undefined. */
export const memberAt = (inject, path) => path.reduce((at, name) => (isMap(at) && Object.hasOwn(at, name) ? at[name] : undefined), inject);

/** Which of INJECTIONS it is; 'other' for what is only in the text. */
export function kindOf(inject) {
  if (inject === undefined || inject === null) return '';
  if (!isMap(inject)) return 'other';
  const kind = ['oauth2', 'gcp', 'aws', 'bearer', 'basic', 'path', 'query', 'body', 'header'].find((name) => name in inject);
  if (!kind) return Object.keys(inject).length === 0 ? '' : 'other';
  const fields = FIELDS[kind] ?? [];
  const top = new Set([kind, ...fields.map((field) => field.path[0])]);
  if (Object.keys(inject).some((name) => !top.has(name))) return 'other';
  const own = inject[kind];
  const simple = { bearer: true, basic: true, path: true, gcp: true }[kind];
  const nested = ['oauth2', 'gcp', 'aws'].includes(kind);
  if (nested && isMap(own)) {
    const known = new Set(fields.filter((field) => field.path[0] === kind).map((field) => field.path[1]));
    if (Object.keys(own).some((name) => !known.has(name))) return 'other';
  } else if (simple ? own !== true : nested) {
    return 'other';
  }
  return fields.every((field) => shows(field, memberAt(inject, field.path))) ? kind : 'other';
}

/**
 * What a change of one field means for the document: [path below `inject`, value], where undefined takes the member away. `gcp: true` becomes a
 * map when it gets a member, and again `true` when it loses the last.
 */
export function changeOf(inject, field, value) {
  const next = value === '' || (Array.isArray(value) && value.length === 0) ? undefined : value;
  const put = next === undefined && field.needed ? '' : 'flag' in field && next === field.flag ? undefined : next;
  const [top, name] = field.path;
  if (name === undefined) return [[top], put];
  const own = inject[top];
  if (top === 'gcp' && !isMap(own)) return [[top], put === undefined ? true : { [name]: put }];
  if (top === 'gcp' && put === undefined && Object.keys(own).every((key) => key === name)) return [[top], true];
  return [field.path, put];
}
