// A tenant's life in the pages: made, used, suspended while it speaks, resumed, deleted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const REAL = 'sk-real-0123456789abcdef-web';
export const document = (world, name) => `apiVersion: clawbox/v1
kind: Tenant
metadata: {name: ${name}}
spec:
  limits: {requestsPerMinute: 6000, requestBytes: 8MiB}
  routes:
    - provider: openai
      credential: openai
      upstream: &here
        address: 127.0.0.1:${world.provider}
        ca: |
${world.ca.trimEnd().split('\n').map((line) => `          ${line}`).join('\n')}
    - name: docs
      host: docs.example.com
      methods: [GET]
      paths: [/v1/**]
      upstream:
        address: 127.0.0.1:${world.provider}
        ca: |
${world.ca.trimEnd().split('\n').map((line) => `          ${line}`).join('\n')}
`.replace(' &here', '');

export const always = true; // The cases after it look at alice.

export default [
  ['an empty server says what to do first', async (world) => {
    await world.visit('/');
    await world.page.getByText('There is no tenant yet.').waitFor();
    await world.look('overview-empty', '/');
    await world.look('tenants-empty', '/tenants');
  }],
  ['a tenant is made; what is wrong in its document is said', async (world) => {
    const { page } = world;
    await world.visit('/tenants');
    await world.button('New tenant').click();
    await page.getByLabel('Name', { exact: true }).fill('alice');
    await page.getByLabel('Document').fill('apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: alice}\nspec: {routes: [{host: "a b"}]}\n');
    await world.button('Make the tenant').click();
    await page.getByRole('alert').getByText('spec.routes[0].host').waitFor();
    await world.look('tenant-new');
    await page.getByLabel('Document').fill(document(world, 'alice'));
    await world.button('Make the tenant').click();
    await page.getByRole('heading', { name: 'alice', level: 1 }).waitFor();
    await page.getByText('docs.example.com').first().waitFor();
    await page.getByText('not set').first().waitFor();
  }],
  ['its environment is shown when it is asked for, and copied', async (world) => {
    const { page } = world;
    await world.visit('/tenants/alice');
    const token = JSON.parse((await world.clawbox('env', 'alice', '--json')).out);
    const proxy = (token.variables ?? token).HTTPS_PROXY;
    assert.ok(!(await page.content()).includes(proxy), 'not before');
    await world.button('Show it').click();
    await page.getByText('export HTTPS_PROXY').waitFor();
    await world.button('Copy: the environment').click();
    await page.getByText('the environment is copied.').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(copied.includes(`export HTTPS_PROXY='${proxy}'`), 'what clawbox env says');
    assert.ok(copied.includes("export OPENAI_API_KEY='sk-"), 'the placeholder');
    const [saved] = await Promise.all([page.waitForEvent('download'), world.button('CA as a file').click()]);
    assert.equal(saved.suggestedFilename(), 'alice.pem');
    assert.match(readFileSync(await saved.path(), 'utf8'), /^-----BEGIN CERTIFICATE-----/);
  }],
  ['what its agent does is seen', async (world) => {
    const { page } = world;
    await world.clawbox('credential', 'set', 'alice', 'openai', { input: `${REAL}\n` });
    await world.visit('/tenants/alice');
    await page.getByRole('cell', { name: 'set', exact: true }).waitFor();
    for (let i = 0; i < 5; i += 1) assert.equal((await world.curl('alice', 'https://docs.example.com/v1/echo')).status, 0);
    assert.equal((await world.curl('alice', '-o', '/dev/null', '-w', '%{http_code}', 'https://docs.example.com/private')).out, '403');
    await world.visit('/?span=1h');
    await page.getByRole('figure').filter({ hasText: 'Requests' }).getByText('allowed 5').waitFor();
    await page.getByRole('figure').filter({ hasText: 'Requests' }).getByText('denied 1').waitFor();
    await world.visit('/tenants');
    await page.getByRole('row', { name: /alice/ }).waitFor();
  }],
  ['suspending cuts what is under way', async (world) => {
    const { page } = world;
    const variables = JSON.parse((await world.clawbox('env', 'alice', '--json')).out);
    const stream = spawn('curl', ['-sSN', '--max-time', '60', 'https://docs.example.com/v1/sse/2'], { env: { PATH: process.env.PATH, ...(variables.variables ?? variables) } });
    const ended = new Promise((resolve) => { stream.on('close', resolve); });
    await new Promise((resolve, reject) => { stream.stdout.once('data', resolve); stream.once('close', () => reject(new Error('the stream ended by itself'))); });
    await world.visit('/tenants/alice');
    await world.button('Suspend').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Suspend', exact: true }).click();
    assert.notEqual(await ended, 0, 'the stream was cut');
    await page.getByText('Every request of its agent is answered with 403.').waitFor();
    await world.look('tenant-suspended', '/tenants/alice');
    assert.equal((await world.curl('alice', '-o', '/dev/null', '-w', '%{http_code}', 'https://docs.example.com/v1/echo')).out, '403');
    await world.button('Resume').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click();
    await world.button('Suspend').waitFor();
    assert.equal((await world.curl('alice', 'https://docs.example.com/v1/echo')).status, 0);
  }],
  ['its manifests are shown and kept', async (world) => {
    const { page } = world;
    await world.visit('/tenants/alice');
    await world.button('More').click();
    await world.button('Manifests for Kubernetes').click();
    await page.getByRole('dialog').locator('pre').waitFor();
    const [saved] = await Promise.all([page.waitForEvent('download'), world.button('Save all as alice.yaml').click()]);
    const text = readFileSync(await saved.path(), 'utf8');
    assert.match(text, /kind: NetworkPolicy/);
    assert.match(text, /kind: Deployment/);
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('dialog').count(), 0);
  }],
  ['a CA’s successor, and a new proxy token', async (world) => {
    const { page } = world;
    const before = JSON.parse((await world.clawbox('env', 'alice', '--json')).out);
    await world.visit('/tenants/alice');
    for (const [item, verb] of [['New proxy token', 'New token'], ['Successor of the CA', 'Make it'], ['Let the successor sign', 'Let it sign']]) {
      await world.button('More').click();
      await world.button(item).click();
      await page.getByRole('dialog').getByRole('button', { name: verb, exact: true }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    const after = JSON.parse((await world.clawbox('env', 'alice', '--json')).out);
    assert.notEqual((after.variables ?? after).HTTPS_PROXY, (before.variables ?? before).HTTPS_PROXY);
    assert.equal((await world.curl('alice', 'https://docs.example.com/v1/echo')).status, 0);
  }],
  ['deleting asks for the name', async (world) => {
    const { page } = world;
    await world.clawbox('tenant', 'apply', '-f', '-', { input: document(world, 'carol') });
    await world.visit('/tenants?q=caro');
    await page.getByRole('link', { name: 'carol' }).click();
    await page.getByRole('heading', { name: 'carol', level: 1 }).waitFor();
    await world.button('More').click();
    await world.button('Delete').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').fill('alice');
    assert.equal(await dialog.getByRole('button', { name: 'Delete it' }).isDisabled(), true);
    await dialog.getByRole('textbox').fill('carol');
    await dialog.getByRole('button', { name: 'Delete it' }).click();
    await page.getByRole('heading', { name: 'Tenants', level: 1 }).waitFor();
    await world.settled();
    assert.equal(await page.getByRole('link', { name: 'carol' }).count(), 0);
  }],
];
