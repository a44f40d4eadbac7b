// Denials: what was refused is allowed once, for an hour, or for ever, or it is muted.
import assert from 'node:assert/strict';
import { apply, ask, closed, dialog } from '../dora.mjs';

const PAGE = '/denials?tenant=dora';

const row = (world, text) => world.page.getByRole('table', { name: 'Refused requests' }).getByRole('row').filter({ hasText: text });
async function refused(world, path) {
  await apply(world);
  assert.equal(await ask(world, path), 403);
  await world.visit(PAGE);
  await row(world, path).waitFor();
}
async function allow(world) {
  await dialog(world).getByRole('button', { name: 'Allow', exact: true }).click();
  await closed(world);
}

export default [
  ['denials: the same request is one line, with the route that would allow it', async (world) => {
    await refused(world, '/private/thrice');
    for (let i = 0; i < 2; i += 1) assert.equal(await ask(world, '/private/thrice'), 403);
    await world.visit(PAGE);
    await row(world, '/private/thrice').getByRole('cell', { name: '3', exact: true }).waitFor();
    assert.match(await row(world, '/private/thrice').innerText(), /GET \/private\/thrice\n/);
    await world.look('denials-dora', PAGE);
  }],
  ['denials: allowed once is one request', async (world) => {
    await refused(world, '/private/once');
    await row(world, '/private/once').getByRole('button', { name: /^Once/ }).click();
    await world.look('denial-allow');
    await allow(world);
    await world.page.getByRole('table', { name: 'Allowed for a time' }).getByRole('row').filter({ hasText: '/private/once' }).waitFor();
    assert.equal(await ask(world, '/private/once'), 200);
    assert.equal(await ask(world, '/private/once'), 403);
  }],
  ['denials: allowed for an hour passes until it is ended', async (world) => {
    await refused(world, '/private/hour');
    await row(world, '/private/hour').getByRole('button', { name: /^An hour/ }).click();
    await allow(world);
    assert.equal(await ask(world, '/private/hour'), 200);
    assert.equal(await ask(world, '/private/hour'), 200);
    await world.look('denials-grants');
    await world.page.getByRole('button', { name: /^End now .*\/private\/hour/ }).click();
    await dialog(world).getByRole('button', { name: 'End', exact: true }).click();
    await world.page.getByText('It has ended.').waitFor();
    assert.equal(await ask(world, '/private/hour'), 403);
  }],
  ['denials: for ever is a route of the document, and its words are seen first', async (world) => {
    await refused(world, '/private/ever');
    await row(world, '/private/ever').getByRole('button', { name: /^For ever/ }).click();
    await dialog(world).getByText('newly allowed').waitFor();
    await world.look('denial-ever');
    await dialog(world).getByRole('button', { name: 'Save', exact: true }).click();
    await world.page.getByText('dora has a new route.').waitFor();
    await closed(world);
    // The name of this test's host leads nowhere, and the new route knows no other address: it is allowed, and fails behind that.
    assert.notEqual(await ask(world, '/private/ever'), 403);
    await apply(world);
  }],
  ['denials: for an hour is a grant: the request passes, explain says why, and it can be ended', async (world) => {
    const { page } = world;
    const url = 'https://docs.example.com/private/hour';
    const explained = async (verdict) => {
      await world.visit('/routes?tenant=dora');
      const section = page.getByRole('region', { name: 'What would this allow?' });
      await section.getByLabel('URL').fill(url);
      await section.getByRole('button', { name: 'Explain' }).click();
      await section.getByText(verdict, { exact: true }).waitFor();
      return section;
    };
    await refused(world, '/private/hour');
    await explained('denied');
    await world.visit(PAGE);
    await row(world, '/private/hour').getByRole('button', { name: /^An hour/ }).click();
    await world.look('denial-hour');
    await dialog(world).getByRole('button', { name: 'Allow', exact: true }).click();
    await closed(world);
    const allowed = page.getByRole('table', { name: 'Allowed for a time' }).getByRole('row').filter({ hasText: '/private/hour' });
    await allowed.getByText('any number').waitFor();
    assert.equal(await ask(world, '/private/hour'), 200);
    const section = await explained('allowed');
    await section.getByText(/^by grant \d+, for any number of requests$/).waitFor();
    await section.getByText('Without the grant it would be refused: The route to this host does not allow this path.').waitFor();
    await world.look('routes-explained-grant');
    await world.visit(PAGE);
    await allowed.getByRole('button', { name: /^End/ }).click();
    await dialog(world).getByRole('button', { name: 'End', exact: true }).click();
    await closed(world);
    await allowed.waitFor({ state: 'detached' });
    await explained('denied');
    assert.equal(await ask(world, '/private/hour'), 403);
  }],
  ['denials: a tunnel has a route that opens it; for an address inside nothing is offered that would not help', async (world) => {
    await apply(world, (text) => `${text}    - {name: inside, host: 10.1.2.3}\n`);
    await world.curl('dora', '-o', '/dev/null', 'https://docs.example.com:8443/');
    assert.equal(await ask(world, '/inside', { host: '10.1.2.3' }), 403);
    await world.visit(PAGE);
    const tunnel = row(world, 'CONNECT https://docs.example.com:8443');
    await tunnel.getByText('HEAD /', { exact: true }).waitFor();
    await tunnel.getByText('What is suggested opens the tunnel').waitFor();
    for (const name of [/^Once/, /^An hour/, /^For ever/, /^Mute/]) await tunnel.getByRole('button', { name }).waitFor();
    const inside = row(world, 'GET https://10.1.2.3/inside');
    await inside.getByText('The address is in 10.0.0.0/8').waitFor();
    await inside.getByRole('button', { name: /^Mute/ }).waitFor();
    for (const name of [/^Once/, /^An hour/, /^For ever/]) assert.equal(await inside.getByRole('button', { name }).count(), 0, String(name));
    await world.look('denials-tunnel-and-inside', PAGE);
    await inside.getByRole('link', { name: 'special_address' }).click();
    await world.page.getByRole('row').filter({ hasText: 'special_address' }).first().waitFor();
    await apply(world);
  }],
  ['denials: of all tenants, only those are asked for grants that have some', async (world) => {
    const { page } = world;
    await refused(world, '/private/counted');
    const asked = new Set();
    const listen = (request) => {
      const tenant = /\/v1\/tenants\/([^/]+)\/grants$/.exec(request.url())?.[1];
      if (tenant && request.method() === 'GET') asked.add(tenant);
    };
    page.on('request', listen);
    const granted = async () => (await page.evaluate(async () => (await (await fetch('/api/v1/tenants')).json()).tenants)).filter((one) => one.grants > 0).map((one) => one.name);
    await world.visit('/denials');
    assert.deepEqual([...asked].sort(), await granted());
    await row(world, '/private/counted').getByRole('button', { name: /^An hour/ }).click();
    await dialog(world).getByRole('button', { name: 'Allow', exact: true }).click();
    await closed(world);
    const allowed = page.getByRole('table', { name: 'Allowed for a time' }).getByRole('row').filter({ hasText: '/private/counted' });
    await allowed.waitFor();
    assert.deepEqual([...asked].sort(), await granted());
    await world.look('denials-granted', '/denials');
    await allowed.getByRole('button', { name: /^End/ }).click();
    await dialog(world).getByRole('button', { name: 'End', exact: true }).click();
    await allowed.waitFor({ state: 'detached' });
    page.off('request', listen);
  }],
  ['denials: one is muted, stays refused, and comes back', async (world) => {
    await refused(world, '/private/mute');
    await row(world, '/private/mute').getByRole('button', { name: /^Mute/ }).click();
    await row(world, '/private/mute').waitFor({ state: 'detached' });
    assert.equal(await ask(world, '/private/mute'), 403);
    await world.page.getByLabel('Muted ones').check();
    await row(world, '/private/mute').getByRole('button', { name: /^Unmute/ }).click();
    await world.page.getByText('Nothing is muted.').waitFor();
    await world.page.getByLabel('Muted ones').uncheck();
    await row(world, '/private/mute').waitFor();
  }],
];
