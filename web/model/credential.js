// credential.js - what can be said about a credential's value before it is sealed, as `clawbox credential set` says it: afterwards
// nobody looks at it any more until it goes into a request. Nothing here shows any of the value.
const VALUE_MAX = 16 * 1024;

const begins = (text, start) => text.startsWith(start);
const isKey = (text) => begins(text, '-----BEGIN ') && text.includes('PRIVATE KEY-----') && !text.includes('\0') &&
  !text.includes('ENCRYPTED PRIVATE KEY') && !text.includes('Proc-Type: 4,ENCRYPTED');
const isPlain = (text) => /^[!-~]+$/.test(text);
const isDocument = (text) => begins(text, '{') || begins(text, '-----BEGIN ');

// One line break at the end comes from the file or the selection, not from the value.
export function trimValue(text) {
  return text.replace(/\r?\n$/, '');
}

function wrongLine(text) {
  const at = text.search(/[\r\n]/);
  if (at >= 0) return `It has a line break after ${at} characters: a credential is one line.`;
  if (!/^[ -~]*$/.test(text)) return 'It has a character that is not printable ASCII: is it the right text?';
  if (begins(text, ' ') || text.endsWith(' ')) return 'It begins or ends with a blank, which a header would lose.';
  return null;
}

function members(text) {
  try {
    const object = JSON.parse(text);
    return object !== null && typeof object === 'object' && !Array.isArray(object) ? object : null;
  } catch {
    return null;
  }
}

function wrongGoogle(text) {
  const file = members(text);
  if (file === null) return 'It should be the JSON of a Google service account, or of a user.';
  const has = (...names) => names.every((name) => typeof file[name] === 'string' && isPlain(file[name]));
  if (file.type === 'service_account') {
    return has('client_email') && typeof file.private_key === 'string' && isKey(file.private_key) ? null
      : 'A service account should have a client_email and a private_key.';
  }
  if (file.type === 'authorized_user') {
    return has('client_id', 'client_secret', 'refresh_token') ? null
      : 'An authorized user should have a client_id, a client_secret and a refresh_token.';
  }
  return 'Its type should be service_account or authorized_user.';
}

// Of each way to fetch a token: the member that it cannot do without, and what that is called.
const NEEDS = {
  clientCredentials: ['client_secret', 'the client’s secret'],
  refreshToken: ['refresh_token', 'the refresh token'],
  jwtBearer: ['private_key', 'a private key in PEM, not encrypted'],
};

function wrongGrant(grant, text) {
  if (!(grant in NEEDS)) return null; // newer than this page: egress will look at it
  const [member, title] = NEEDS[grant];
  const json = begins(text.trimStart(), '{');
  const object = json ? members(text) : { [member]: text };
  const value = object?.[member];
  const good = typeof value === 'string' && (member === 'private_key' ? isKey(value) : isPlain(value));
  return good ? null : `A token is fetched with it, so it should be ${title}, or JSON with a ${member}.`;
}

function wrongForm(form, text) {
  if (form === 'user:password' && !text.includes(':')) return 'It goes in as user and password, so it has to be USER:PASSWORD.';
  if (form === 'path segment' && (/[/\\]/.test(text) || begins(text, '..'))) {
    return 'It goes into a path, where no value may hold a slash or a backslash or begin with “..”.';
  }
  if (form === 'aws' && !/^\w{8,128}:[^: ]{1,256}(:[^: ]+)?$/.test(text)) {
    return 'It signs requests to AWS, so it has to be ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN or without.';
  }
  return null;
}

// null, or a sentence that says what is wrong. `prepared` is the answer of `:prepare`.
export function wrongValue(prepared, text) {
  const size = new TextEncoder().encode(text).length;
  if (size === 0) return 'There is nothing to seal yet: paste the value.';
  if (size > VALUE_MAX) return `It is longer than ${VALUE_MAX} bytes, which no header carries.`;
  if (prepared.client_certificate) {
    return text.includes('-----BEGIN CERTIFICATE-----') && text.includes('PRIVATE KEY-----') ? null
      : 'It should be a client certificate and its key, both in PEM, one after the other.';
  }
  const line = isDocument(text) ? null : wrongLine(text);
  if (line !== null) return line;
  if (prepared.grant === 'none' && isDocument(text)) {
    return 'It goes into a request as it is, and this is a JSON or PEM file: is it the right one?';
  }
  const grant = prepared.grant === 'none' ? null : prepared.grant === 'gcp' ? wrongGoogle(text) : wrongGrant(prepared.grant, text);
  return grant ?? prepared.forms.map((form) => wrongForm(form, text)).find((why) => why !== null) ?? null;
}
