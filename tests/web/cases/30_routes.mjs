// Routes: the document by form and as text, what the server says of it, what it would allow, saving, and its history.
import assert from 'node:assert/strict';
import { apply, ask, closed, dialog } from '../dora.mjs';

const PAGE = '/routes?tenant=dora';

const route = (world, name) => world.page.locator('details.route', { hasText: name }).first();
async function opened(world, name) {
  await route(world, name).locator('> summary').click();
  return route(world, name);
}
const saved = async (world) => (await world.clawbox('tenant', 'show', 'dora', '--yaml')).out;
const inBar = (world, name) => world.page.locator('.save-bar').getByRole('button', { name });
const askToSave = async (world) => {
  await inBar(world, 'Save').click();
  await dialog(world).getByRole('button', { name: 'Save' }).click();
};

export default [
  ['routes: a change is said in words, saved, and stands in the history', async (world) => {
    await apply(world);
    const { page } = world;
    assert.equal(await ask(world, '/v1/echo', { method: 'DELETE' }), 403);
    await world.visit(PAGE);
    const docs = await opened(world, 'docs');
    await world.look('routes-open');
    await docs.getByLabel('Methods').fill('GET, POST, DELETE');
    await page.getByText('newly allowed').waitFor();
    await world.look('routes-changed');
    await askToSave(world);
    await page.getByText('dora is saved.').waitFor();
    await closed(world);
    const text = await saved(world);
    assert.match(text, /methods: \[GET, POST, DELETE\]/);
    assert.match(text, /# kept by the form/);
    assert.equal(await ask(world, '/v1/echo', { method: 'DELETE' }), 200);

    await page.getByRole('tab', { name: 'History' }).click();
    const row = page.getByRole('table', { name: 'Changes of dora' }).getByRole('row').filter({ hasText: 'updated' }).first();
    await row.filter({ hasText: 'admin:ada' }).waitFor();
    await world.look('routes-history');
    await row.getByRole('button').click();
    await dialog(world).getByText('newly allowed').waitFor();
    await dialog(world).getByRole('button', { name: 'Take it up in the editor' }).waitFor();
    await page.keyboard.press('Escape');
    await closed(world);
  }],
  ['routes: what is wrong stands at its field, and cannot be saved', async (world) => {
    await apply(world);
    const { page } = world;
    await world.visit(PAGE);
    const docs = await opened(world, 'docs');
    await docs.getByLabel('Host').fill('not a host');
    await docs.locator('.field-error').first().waitFor();
    assert.equal(await docs.getByLabel('Host').getAttribute('aria-invalid'), 'true');
    assert.ok(await docs.getByLabel('Host').evaluate((field) => field === document.activeElement), 'the focus stays where one types');
    assert.ok(await inBar(world, 'Save').isDisabled());
    await world.look('routes-wrong');
    await page.getByRole('tab', { name: 'YAML' }).click();
    await page.locator('.field-error').getByText(/^Line 7: /).waitFor();
    await page.getByLabel('The tenant’s document').fill('spec: [');
    await page.getByRole('tab', { name: 'Form' }).click();
    await page.getByText('The text cannot be read').waitFor();
    await inBar(world, 'Discard').click();
    await page.getByText('As it is saved').waitFor();
  }],
  ['routes: what a request would get, by what is saved and by what is written', async (world) => {
    await apply(world);
    const { page } = world;
    await world.visit(PAGE);
    const section = page.getByRole('region', { name: 'What would this allow?' });
    await section.getByLabel('URL').fill('https://docs.example.com/private/x');
    await section.getByRole('button', { name: 'Explain' }).click();
    await section.getByText('denied', { exact: true }).waitFor();
    const docs = await opened(world, 'docs');
    await docs.getByLabel('Paths').fill('/v1/**\n/private/**\n');
    await page.getByText('newly allowed').waitFor();
    await section.getByRole('button', { name: 'Explain' }).click();
    await section.getByText('allowed', { exact: true }).waitFor();
    await world.look('routes-explained');
    assert.equal(await ask(world, '/private/x'), 403);
    await inBar(world, 'Discard').click();
  }],
  ['routes: one is added, moved and removed; what is not saved outlives a look at another page', async (world) => {
    await apply(world);
    const { page } = world;
    await world.visit(PAGE);
    await world.button('Add a host').click();
    await page.locator('details.route[open]').first().getByLabel('Host').fill('added.example.com');
    await page.getByText('newly allowed').waitFor();
    await route(world, 'added-example-com').getByRole('button', { name: /^Up/ }).click();
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('heading', { name: 'Audit' }).waitFor();
    await page.getByRole('link', { name: 'Routes' }).click();
    await page.getByText('Changed, and not saved').waitFor();
    await page.getByRole('tab', { name: 'YAML' }).click();
    const text = await page.getByLabel('The tenant’s document').inputValue();
    assert.ok(text.indexOf('added.example.com') < text.indexOf('other.example.com'), text);
    await page.getByRole('tab', { name: 'Form' }).click();
    await opened(world, 'added-example-com');
    await route(world, 'added-example-com').getByRole('button', { name: /^Remove/ }).click();
    await route(world, 'added-example-com').waitFor({ state: 'detached' });
    if (await inBar(world, 'Discard').isEnabled()) await inBar(world, 'Discard').click();
    await page.getByText('As it is saved').waitFor();
  }],
  ['routes: what somebody else saved meanwhile is not written over', async (world) => {
    await apply(world);
    const { page } = world;
    await world.visit(PAGE);
    const docs = await opened(world, 'docs');
    await docs.getByLabel('Methods').fill('GET');
    await page.getByText('newly refused').waitFor();
    await apply(world, (text) => `${text}  limits: {concurrent: 7}\n`);
    await askToSave(world);
    await page.getByText('The document was changed meanwhile').waitFor();
    await closed(world);
    assert.match(await saved(world), /concurrent: 7/);
    await world.look('routes-conflict');
    await world.button('Take what is saved, lose mine').click();
    await page.getByText('Nothing is changed yet.').waitFor();
    await apply(world);
  }],
];
