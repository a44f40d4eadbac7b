// Routes: what few of them have, by the form: the address that is dialled, headers, tokens, a signature, a Kubernetes API.
import assert from 'node:assert/strict';
import { apply, closed, dialog } from '../dora.mjs';

const PAGE = '/routes?tenant=dora';

const route = (world, name) => world.page.locator('details.route', { hasText: name }).first();
async function opened(world, name) {
  await route(world, name).locator('> summary').click();
  return route(world, name);
}
const yaml = async (world) => {
  await world.page.getByRole('tab', { name: 'YAML' }).click();
  const text = await world.page.getByLabel('The tenant’s document').inputValue();
  await world.page.getByRole('tab', { name: 'Form' }).click();
  return text;
};
const discard = (world) => world.page.locator('.save-bar').getByRole('button', { name: 'Discard' }).click();

export default [
  ['advanced: headers and the address of a route, saved from the form', async (world) => {
    await apply(world);
    const { page } = world;
    await world.visit(PAGE);
    const docs = await opened(world, 'docs');
    await docs.getByText('Advanced: upstream').click();
    assert.match(await docs.getByLabel('Server: address').inputValue(), /^127\.0\.0\.1:\d+$/);
    assert.match(await docs.getByLabel('Server: its CA').inputValue(), /^-----BEGIN CERTIFICATE-----/);
    await docs.getByLabel('Headers that every request gets').fill('X-Team: platform\nAuthorization: Bearer x');
    await docs.locator('.field-error').getByText('Authorization').waitFor();
    assert.equal(await docs.getByLabel('Headers that every request gets').getAttribute('aria-invalid'), 'true');
    await docs.getByLabel('Headers that every request gets').fill('X-Team: platform\n');
    await page.getByText('X-Team').last().waitFor();
    await world.look('routes-advanced');
    await page.locator('.save-bar').getByRole('button', { name: 'Save' }).click();
    await dialog(world).getByRole('button', { name: 'Save' }).click();
    await page.getByText('dora is saved.').waitFor();
    await closed(world);
    const text = (await world.clawbox('tenant', 'show', 'dora', '--yaml')).out;
    assert.match(text, /headers:\n\s+X-Team: platform/);
    assert.match(text, /# kept by the form/);
    // What the form did not change stands as it was written, the PEM too.
    assert.match(text, /ca: \|\n\s+-----BEGIN CERTIFICATE-----/);
    assert.ok(!(await route(world, 'docs').innerText()).includes('edited as text'));
    await apply(world);
  }],
  ['advanced: a token that is fetched: what is wrong stands at its field', async (world) => {
    await apply(world);
    const { page } = world;
    await world.visit(PAGE);
    const keyed = await opened(world, 'keyed');
    await keyed.getByLabel('Goes in as').selectOption('oauth2');
    const url = keyed.getByLabel('Where tokens are fetched');
    await keyed.locator('[aria-invalid="true"]').first().waitFor();
    assert.equal(await url.getAttribute('aria-invalid'), 'true');
    await url.fill('https://login.example.com/token');
    await keyed.getByLabel('Scopes').fill('read, write');
    await keyed.getByLabel('The client shows itself').selectOption('body');
    await page.getByRole('region', { name: 'This change' }).getByText('token').first().waitFor();
    assert.equal(await keyed.locator('[aria-invalid="true"]').count(), 0, await keyed.innerText());
    assert.match(await yaml(world), /oauth2:\n\s+tokenUrl: "?https:\/\/login\.example\.com\/token"?\n\s+scopes: \[read, write\]\n\s+clientAuth: body/);
    await route(world, 'keyed').getByLabel('Goes in as').selectOption('gcp');
    await route(world, 'keyed').getByLabel('Subject').fill('someone@example.com');
    assert.match(await yaml(world), /gcp:\n\s+subject: someone@example\.com/);
    await route(world, 'keyed').getByLabel('Goes in as').selectOption('aws');
    await route(world, 'keyed').getByLabel('Service').fill('s3');
    await route(world, 'keyed').getByLabel('Region').fill('Eu West');
    await route(world, 'keyed').locator('.field-error').getByText(/such as bedrock/).first().waitFor();
    assert.equal(await route(world, 'keyed').getByLabel('Region').getAttribute('aria-invalid'), 'true');
    await world.look('routes-aws');
    await discard(world);
  }],
  ['advanced: rules for a Kubernetes API; and what the form does not know stays and is named', async (world) => {
    await apply(world);
    const { page } = world;
    await world.visit(PAGE);
    await page.getByRole('tab', { name: 'YAML' }).click();
    const text = await page.getByLabel('The tenant’s document').inputValue();
    await page.getByLabel('The tenant’s document').fill(`${text}    - name: cluster
      host: kube.example.com
      credential: service
      inject: {headers: [{name: X-One}, {name: X-Two}]}
      kubernetes:
        - verbs: [get] # only reading
          resources: [pods]
          namespaces: [dora]
`);
    await page.getByRole('tab', { name: 'Form' }).click();
    const cluster = await opened(world, 'cluster');
    await cluster.getByText('This route has parts that are edited as text').getByText('inject').waitFor();
    await world.button('Add a rule').click();
    await cluster.getByLabel('Verbs').nth(1).fill('list fly');
    await cluster.getByLabel('Resources').nth(1).fill('deployments.apps');
    await cluster.locator('.field-error').first().waitFor();
    assert.equal(await cluster.getByLabel('Verbs').nth(1).getAttribute('aria-invalid'), 'true');
    await cluster.getByLabel('Verbs').nth(1).fill('list watch');
    await cluster.locator('.field-error').first().waitFor({ state: 'detached' });
    await world.look('routes-kubernetes');
    const after = await yaml(world);
    assert.match(after, /# only reading/);
    assert.match(after, /- verbs: \[list, watch\]\n\s+resources: \[deployments\.apps\]/);
    assert.match(after, /inject: \{headers: \[\{name: X-One\}, \{name: X-Two\}\]\}/);
    await discard(world);
  }],
];
