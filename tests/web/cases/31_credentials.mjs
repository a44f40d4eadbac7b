// Credentials: a value is pasted once, and leaves the browser as a box that is bound to what was shown.
import assert from 'node:assert/strict';
import { apply, ask, closed, dialog } from '../dora.mjs';

const VALUE = `typed-into-the-page-${'0123456789'.repeat(4)}`;
const PAGE = '/credentials?tenant=dora';

const value = (world) => dialog(world).getByLabel('Value');
const seal = (world) => dialog(world).getByRole('button', { name: /^Seal and/ }).click();
async function setting(world) {
  await world.visit(PAGE);
  await world.page.getByRole('button', { name: /^(Set|Replace) service$/ }).click();
  await value(world).waitFor();
}

export default [
  ['credentials: the value travels sealed, and goes in at the provider', async (world) => {
    await apply(world);
    const { page } = world;
    assert.equal(await ask(world, '/v1/echo', { host: 'other.example.com' }), 503);
    await world.visit(PAGE);
    await page.getByText('not set', { exact: true }).waitFor();
    await world.look('credentials-dora', PAGE);
    const sent = [];
    const listen = (request) => sent.push(`${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`);
    page.on('request', listen);
    await setting(world);
    await dialog(world).getByText(/^other\.example\.com:443/).waitFor();
    await value(world).fill(`${VALUE}\n`);
    await world.look('credential-set');
    await seal(world);
    await page.getByText('service is set.').waitFor();
    await closed(world);
    page.off('request', listen);
    assert.ok(sent.some((request) => request.includes('"box"')), 'a box was sent');
    for (const request of sent) assert.ok(!request.includes(VALUE) && !request.includes(Buffer.from(VALUE).toString('base64').slice(4, 40)), 'a request has the value');
    assert.ok(!(await page.content()).includes(VALUE));
    assert.equal(await page.locator('textarea').count(), 0);

    // The provider says back what it was sent, and what came in is taken out of that: so it was this value.
    const { out } = await world.curl('dora', 'https://other.example.com/v1/reflect/raw');
    assert.ok(!out.includes(VALUE), 'the agent sees the value');
    const records = (await world.clawbox('audit', 'dora', '--json', '-n', '2')).out.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.ok(records.some((record) => record.scrubs > 0), JSON.stringify(records));
  }],
  ['credentials: what is wrong with a value is said before it is sealed', async (world) => {
    await apply(world);
    await setting(world);
    let puts = 0;
    const listen = (request) => { puts += request.method() === 'PUT' ? 1 : 0; };
    world.page.on('request', listen);
    for (const [text, words] of [['', 'nothing to seal'], ['one\ntwo', 'line break after 3'], ['schlüssel', 'not printable'], [' k', 'blank'], ['k'.repeat(16385), '16384'], ['{"a":1}', 'JSON or PEM']]) {
      await value(world).fill(text);
      await seal(world);
      await dialog(world).locator('.field-error').getByText(words).waitFor();
    }
    world.page.off('request', listen);
    assert.equal(puts, 0);
    assert.equal(await value(world).evaluate((box) => getComputedStyle(box).webkitTextSecurity), 'disc', 'it is covered');
    await world.page.keyboard.press('Escape');
    await closed(world);
  }],
  ['credentials: a binding that changed meanwhile is shown before anything is sealed to it', async (world) => {
    await apply(world);
    await world.clawbox('credential', 'rm', 'dora', 'service'); // a set one keeps the routes from changing under it
    await setting(world);
    await dialog(world).getByText(/^other\.example\.com:443/).waitFor();
    await apply(world, (text) => text.replaceAll('other.example.com', 'api.openai.com'));
    await value(world).fill(VALUE);
    await seal(world);
    await dialog(world).getByText('The routes were changed meanwhile.').waitFor();
    await dialog(world).getByText(/^api\.openai\.com:443/).waitFor();
    await world.page.keyboard.press('Escape');
    await apply(world);
  }],
  ['credentials: one is removed', async (world) => {
    await apply(world);
    await world.clawbox('credential', 'set', 'dora', 'service', { input: VALUE });
    await world.visit(PAGE);
    await world.button('Remove service').click();
    await dialog(world).getByRole('button', { name: 'Remove', exact: true }).click();
    await world.page.getByText('service is removed.').waitFor();
    await world.button('Remove service').waitFor({ state: 'detached' });
    assert.equal(await ask(world, '/v1/echo', { host: 'other.example.com' }), 503);
  }],
];
