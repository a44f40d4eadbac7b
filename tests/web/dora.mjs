// dora.mjs: the tenant of the cases about routes, credentials, denials and the audit. Each case begins with her document as it is here.
const HERE = (world) => `upstream:
        address: 127.0.0.1:${world.provider}
        ca: |
${world.ca.trimEnd().split('\n').map((line) => `          ${line}`).join('\n')}`;

const document = (world) => `apiVersion: clawbox/v1
kind: Tenant
metadata: {name: dora}
spec:
  routes:
    - name: docs # kept by the form
      host: docs.example.com
      methods: [GET, POST]
      paths: [/v1/**]
      ${HERE(world)}
    - name: keyed
      host: other.example.com
      credential: service
      inject: {bearer: true}
      ${HERE(world)}
`;

/** Applies the document, as `change` (of its text) makes it. */
export const apply = (world, change = (text) => text) => world.clawbox('tenant', 'apply', '-f', '-', { input: change(document(world)) });

/** What dora's agent gets: the status as a number. */
export async function ask(world, path, { method = 'GET', host = 'docs.example.com', more = [] } = {}) {
  const { out } = await world.curl('dora', '-o', '/dev/null', '-w', '%{http_code}', '-X', method, '--globoff', '--request-target', path, ...more, `https://${host}/`);
  return Number(out);
}

export const dialog = (world) => world.page.getByRole('dialog');

/** The dialog is gone. */
export const closed = (world) => dialog(world).waitFor({ state: 'detached' });
