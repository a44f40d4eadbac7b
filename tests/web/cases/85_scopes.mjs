// What a viewer and a tenant's own token are offered: nothing that the server would refuse them, and no page asks for what it would not get.
import assert from 'node:assert/strict';
import { apply, ask } from '../dora.mjs';

const PAGES = ['/', '/tenants', '/tenants/dora', '/tenants/dora/routes', '/tenants/dora/credentials', '/denials?tenant=dora', '/denials?tenant=dora&muted=1', '/audit?tenant=dora', '/settings'];
// What changes nothing, and may be anybody's.
const LOOKS = [/^(Menu|Sign out|Copy|Export ▾|Search|Clear|Show older|Show more|Explain|Change the password|Sign out everywhere)$/, /^(1h|24h|7d|30d)$/];

/** A page that is signed in with a new token of that scope. */
async function withToken(world, name, scope) {
  await apply(world);
  assert.equal(await ask(world, '/private/of-another'), 403); // so that there is something to allow
  const made = await world.clawbox('token', 'create', name, '--scope', scope);
  const token = /cbxt_[A-Za-z0-9_-]{43}/.exec(made.out + made.err)[0];
  const page = await world.newPage();
  await page.goto('/sign-in');
  await world.button('Use a token', page).click();
  await page.getByLabel('Token').fill(token);
  await world.button('Sign in', page).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return page;
}

/** The buttons of every page that are more than looking, and the requests that were refused. */
async function offered(world, page) {
  const found = new Map();
  const refused = [];
  page.on('response', (response) => response.status() >= 400 && refused.push(`${response.status()} ${response.url()} at ${page.url()}`));
  for (const path of PAGES) {
    await world.visit(path, page);
    const names = await page.locator('main').getByRole('button').evaluateAll((list) => list.filter((one) => !one.disabled && !one.classList.contains('plain') /* opens a record */).map((one) => (one.getAttribute('aria-label') ?? one.textContent).trim().replace(/\s+/g, ' ')));
    found.set(path, names.filter((name) => !LOOKS.some((look) => look.test(name))));
  }
  return { found, refused };
}

export default [
  ['scopes: a viewer is offered nothing that changes anything, and no page asks for more than a viewer gets', async (world) => {
    const page = await withToken(world, 'looker', 'viewer');
    const { found, refused } = await offered(world, page);
    assert.deepEqual(refused, []);
    assert.deepEqual([...found].filter(([, names]) => names.length > 0), [['/audit?tenant=dora', ['Verify the chain']]]);
    assert.equal(await world.button('Change the password', page).count(), 0, 'a token has none');
    await page.context().close();
    await world.clawbox('token', 'rm', 'looker');
  }],
  ['scopes: a tenant’s token is offered what is about its tenant, and each of it works', async (world) => {
    const page = await withToken(world, 'doras', 'tenant:dora');
    const { found, refused } = await offered(world, page);
    assert.deepEqual(refused, []);
    assert.deepEqual(found.get('/'), []);
    assert.deepEqual(found.get('/tenants'), []);
    assert.deepEqual(found.get('/settings'), []);
    assert.deepEqual(found.get('/audit?tenant=dora'), []);
    assert.deepEqual(found.get('/tenants/dora'), ['Suspend', 'More ▾', 'Show it', 'CA as a file']);
    await world.visit('/tenants/dora', page);
    await world.button('More', page).click();
    assert.deepEqual(await page.locator('.menu-items button').allInnerTexts(), ['Manifests for Kubernetes', 'New proxy token', 'Successor of the CA', 'Let the successor sign']);
    await world.button('Show it', page).click();
    await page.getByText('export HTTPS_PROXY').waitFor();
    // It may stop its agent, and not let it go on: said instead of a button.
    await world.button('Suspend', page).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Suspend', exact: true }).click();
    await page.getByText('An administrator lets it go on.').waitFor();
    assert.equal(await world.button('Resume', page).count(), 0);
    await world.clawbox('tenant', 'resume', 'dora');
    await page.context().close();
    await world.clawbox('token', 'rm', 'doras');
  }],
];
