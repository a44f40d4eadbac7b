// Settings: other people, tokens, the own password; and that a viewer is offered nothing to change.
import assert from 'node:assert/strict';
import { PASSWORD } from '../world.mjs';

export default [
  ['a viewer sees, and is offered nothing to change', async (world) => {
    const { page } = world;
    await world.visit('/settings');
    await world.button('New administrator').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('grace');
    await dialog.getByLabel('New password', { exact: true }).fill(PASSWORD);
    await dialog.getByLabel('The new password again').fill(PASSWORD);
    await dialog.getByRole('button', { name: 'Make the administrator' }).click();
    await page.getByRole('cell', { name: 'grace', exact: true }).waitFor();

    const viewer = await world.newPage();
    await world.signIn(viewer, 'grace', PASSWORD);
    for (const path of ['/tenants', '/tenants/alice', '/settings']) {
      await world.visit(path, viewer);
      for (const name of ['New tenant', 'Suspend', 'More', 'Show it', 'New administrator', 'New token']) assert.equal(await world.button(name, viewer).count(), 0, `${name} at ${path}`);
    }
    const refused = await viewer.evaluate(async () => {
      const { csrf } = await (await fetch('/session')).json();
      return (await fetch('/api/v1/tenants/alice:suspend', { method: 'POST', headers: { 'X-Clawbox-Csrf': csrf } })).status;
    });
    assert.equal(refused, 403, 'nor may it');

    await page.getByRole('button', { name: 'Remove grace' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('grace');
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('cell', { name: 'grace', exact: true }).waitFor({ state: 'detached' });
    await viewer.goto('/tenants');
    await viewer.getByRole('heading', { name: 'Sign in to clawbox' }).waitFor();
    await viewer.context().close();
  }],
  ['a token is shown once, signs in, and is useless when it is removed', async (world) => {
    const { page } = world;
    await world.visit('/settings');
    await world.button('New token').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('watcher');
    await dialog.getByLabel('Ends after so many days').fill('x');
    await dialog.getByRole('button', { name: 'Make the token' }).click();
    await dialog.getByText('A number from 1 to 3650, or nothing.').waitFor();
    await dialog.getByLabel('Ends after so many days').fill('30');
    await dialog.getByRole('button', { name: 'Make the token' }).click();
    const token = await dialog.getByLabel('The token', { exact: true }).inputValue();
    assert.match(token, /^cbxt_[A-Za-z0-9_-]{43}$/);
    await world.button('I have it').click();
    await page.getByRole('cell', { name: 'watcher', exact: true }).waitFor();

    const other = await world.newPage();
    await other.goto('/sign-in');
    await world.button('Use a token', other).click();
    await other.getByLabel('Token').fill(token);
    await world.button('Sign in', other).click();
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.getByRole('button', { name: 'Remove the token watcher' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('cell', { name: 'watcher', exact: true }).waitFor({ state: 'detached' });
    await other.goto('/tenants');
    await other.getByRole('heading', { name: 'Sign in to clawbox' }).waitFor();
    await other.context().close();
  }],
  ['a password is changed, and everywhere is everywhere', async (world) => {
    const { page } = world;
    const other = await world.newPage();
    await world.signIn(other, 'ada', PASSWORD);
    await world.visit('/settings');
    await world.button('Change the password').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Present password').fill('something else that is long');
    await dialog.getByLabel('New password', { exact: true }).fill(`${PASSWORD}, five are better`);
    await dialog.getByLabel('The new password again').fill(`${PASSWORD}, five are better`);
    await dialog.getByRole('button', { name: 'Change it' }).click();
    await dialog.getByText('The present password is another.').waitFor();
    await dialog.getByLabel('Present password').fill(PASSWORD);
    await dialog.getByRole('button', { name: 'Change it' }).click();
    await dialog.waitFor({ state: 'detached' });
    await other.goto('/tenants');
    await other.getByRole('heading', { name: 'Sign in to clawbox' }).waitFor();
    await world.signIn(other, 'ada', `${PASSWORD}, five are better`);
    await world.visit('/settings');
    await world.button('Sign out everywhere').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.getByRole('heading', { name: 'Sign in to clawbox' }).waitFor();
    await other.goto('/tenants');
    await other.getByRole('heading', { name: 'Sign in to clawbox' }).waitFor();
    await other.context().close();
    await world.signIn(page, 'ada', `${PASSWORD}, five are better`);
  }],
  ['the colours can be chosen, and stay', async (world) => {
    const { page } = world;
    await world.visit('/settings');
    await page.getByLabel('Colours').selectOption('dark');
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const dark = await background();
    await page.reload();
    await world.settled();
    assert.equal(await background(), dark);
    await page.getByLabel('Colours').selectOption('');
    assert.notEqual(await background(), dark);
  }],
];
