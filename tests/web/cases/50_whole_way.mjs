// The whole way of one administrator and one assistant, in the browser: from signing in to a chain that holds. On the way, the memory of
// every process of the server is read: what was typed into the page is in none of them, but for the credential where it is used.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { PASSWORD } from '../world.mjs';

const VALUE = 'sk-ant-pasted-into-the-page-5c1e07a94bd23f86';
const HOST = 'https://api.anthropic.com';
const document = (world) => `apiVersion: clawbox/v1
kind: Tenant
metadata: {name: erin}
spec:
  routes:
    - provider: anthropic
      credential: anthropic
      methods: [POST, GET]
      paths: [/v1/messages, "/v1/sse/*", "/v1/reflect/*"]
      upstream:
        address: 127.0.0.1:${world.provider}
        ca: |
${world.ca.trimEnd().split('\n').map((line) => `          ${line}`).join('\n')}
`;

/** Who has the password and the credential in memory. */
async function whoHas(world, secrets, expected) {
  if (process.getuid() !== 0) return; // Nobody else may read another's memory.
  const { processes, found } = await world.holders(secrets);
  for (const role of ['monitor', 'console', 'api', 'store', 'vault']) assert.ok(processes.includes(role), `${role} is among ${processes}`);
  assert.deepEqual(found, expected);
}

export default [
  ['the whole way: in, a tenant, its credential, traffic, no, an hour, suspended, and the chain', async (world) => {
    const page = await world.newPage();
    const sent = [];
    page.on('request', (request) => sent.push(`${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`));
    await world.signIn(page, 'ada', PASSWORD);
    await whoHas(world, { password: PASSWORD }, { password: [] });

    // A tenant.
    await world.visit('/tenants', page);
    await world.button('New tenant', page).click();
    await page.getByLabel('Name', { exact: true }).fill('erin');
    await page.getByLabel('Document').fill(document(world));
    await world.button('Make the tenant', page).click();
    await page.getByRole('heading', { name: 'erin', level: 1 }).waitFor();

    // Its credential, which leaves the browser only in a box.
    await world.visit('/credentials?tenant=erin', page);
    await page.getByRole('button', { name: 'Set anthropic' }).click();
    await page.getByRole('dialog').getByLabel('Value').fill(VALUE);
    await page.getByRole('dialog').getByRole('button', { name: /^Seal and/ }).click();
    await page.getByText('anthropic is set.').waitFor();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.ok(sent.some((request) => request.includes('"box"')), 'a box was sent');
    for (const request of sent) assert.ok(!request.includes(VALUE) && !request.includes(Buffer.from(VALUE).toString('base64').slice(4, 40)), 'a request has the value');
    const secrets = { password: PASSWORD, credential: VALUE };
    await whoHas(world, secrets, { password: [], credential: [] });

    // Requests are seen as they are made.
    await world.visit('/audit?tenant=erin', page);
    await page.getByText('live', { exact: true }).waitFor();
    const variables = JSON.parse((await world.clawbox('env', 'erin', '--json')).out);
    const environment = { PATH: process.env.PATH, ...(variables.variables ?? variables) };
    const agent = (...args) => world.curl('erin', '-w', '%{http_code}', '-H', `x-api-key: ${environment.ANTHROPIC_API_KEY}`, ...args);
    const status = async (...args) => (await agent('-o', '/dev/null', ...args)).out;
    assert.match((await agent('-d', '{"model": "test"}', `${HOST}/v1/messages`)).out, /Hello from the provider[^]*200$/);
    const row = (text) => page.locator('tbody tr').filter({ hasText: text });
    await row('/v1/messages').getByText('200', { exact: true }).waitFor();
    await whoHas(world, secrets, { password: [], credential: ['egress erin'] });
    const reflected = (await agent(`${HOST}/v1/reflect/raw`)).out;
    assert.match(reflected, /200$/);
    assert.ok(!reflected.includes(VALUE), 'the agent sees the value');
    await row('/v1/messages').first().getByRole('button').click();
    for (const text of ['Output tokens', 'Model']) await page.getByRole('dialog').getByText(text, { exact: true }).waitFor();
    await page.keyboard.press('Escape');

    // No; then for an hour.
    assert.equal(await status(`${HOST}/v1/files`), '403');
    await row('/v1/files').getByText('no_route_path').waitFor();
    await page.getByRole('link', { name: 'Denials', exact: true }).click();
    const refused = page.getByRole('table', { name: 'Refused requests' }).getByRole('row').filter({ hasText: '/v1/files' });
    await refused.getByRole('button', { name: /^An hour/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Allow', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('table', { name: 'Allowed for a time' }).getByRole('row').filter({ hasText: '/v1/files' }).waitFor();
    // What is allowed for a time has no credential: it says whose it is to a provider only by a route.
    assert.equal((await world.curl('erin', '-o', '/dev/null', '-w', '%{http_code}', `${HOST}/v1/files`)).out, '200');

    // Suspended, while it speaks.
    const stream = spawn('curl', ['-sSN', '--max-time', '60', '-H', `x-api-key: ${environment.ANTHROPIC_API_KEY}`, `${HOST}/v1/sse/1`], { env: environment });
    const ended = new Promise((resolve) => { stream.on('close', resolve); });
    await world.visit('/audit?tenant=erin', page);
    await row('/v1/sse/1').first().waitFor();
    assert.equal(stream.exitCode, null, 'the stream goes on');
    await world.visit('/tenants/erin', page);
    await world.button('Suspend', page).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Suspend', exact: true }).click();
    assert.notEqual(await ended, 0, 'the stream was cut');
    await page.getByText('Every request of its agent is answered with 403.').waitFor();
    assert.equal(await status('-d', '{}', `${HOST}/v1/messages`), '403');

    // And of all of it there is a chain.
    await world.visit('/audit?tenant=erin', page);
    await row('suspended').first().waitFor();
    await world.button('Verify the chain', page).click();
    await page.getByRole('dialog').getByText('It is whole.').waitFor();
    await whoHas(world, secrets, { password: [], credential: [] });
    await page.context().close();
  }],
];
