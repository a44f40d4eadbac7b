// Coming in: the link of the first start, an account, the password, the token; and what a stranger sees.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PASSWORD } from '../world.mjs';

export const always = true; // The cases after it need an administrator.

export default [
  ['a stranger sees the sign-in page, whatever the address', async (world) => {
    for (const path of ['/', '/tenants/alice', '/settings']) {
      await world.page.goto(path);
      await world.page.getByRole('heading', { name: 'Sign in to clawbox' }).waitFor();
    }
    await world.look('sign-in', '/sign-in');
  }],
  ['the first start said a link, which makes an administrator, once', async (world) => {
    const link = /console: (\S+\/sign-in#cbxl_\S+)/.exec(readFileSync(world.log, 'utf8'))?.[1];
    assert.ok(link, 'the log has a link');
    const { page } = world;
    await page.goto(link);
    await page.getByRole('heading', { name: 'Make your account' }).waitFor();
    assert.ok(!page.url().includes('cbxl_'), 'the link is not in the address any more');
    await world.look('first-account');
    await page.getByLabel('Name', { exact: true }).fill('Ada Lovelace');
    await page.getByLabel('Password', { exact: true }).fill('short');
    await page.getByLabel('The password again').fill('shorter');
    await world.button('Make the administrator').click();
    assert.equal(await page.locator('[aria-invalid="true"]').count(), 3);
    assert.equal(await page.evaluate(() => document.activeElement === document.querySelector('[aria-invalid="true"]')), true, 'the first wrong field has the focus');
    await page.getByLabel('Name', { exact: true }).fill('ada');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('The password again').fill(PASSWORD);
    await world.button('Make the administrator').click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await world.settled();

    const other = await world.newPage();
    await other.goto(link);
    await other.getByRole('alert').waitFor();
    assert.match(await other.getByRole('alert').textContent(), /a link works once/);
    await other.context().close();
  }],
  ['the cookie is one that scripts, other sites and other hosts do not get', async (world) => {
    const cookies = await world.page.context().cookies();
    const session = cookies.find((one) => one.name === '__Host-clawbox');
    assert.ok(session, `there is a session among ${cookies.map((one) => one.name)}`);
    for (const cookie of cookies) {
      assert.ok(cookie.name.startsWith('__Host-') && cookie.httpOnly && cookie.secure && cookie.sameSite === 'Strict' && cookie.path === '/', JSON.stringify({ ...cookie, value: '' }));
    }
    assert.equal(await world.page.evaluate(() => document.cookie), '');
    assert.equal(await world.page.evaluate(() => Object.keys(localStorage).length + Object.keys(sessionStorage).length), 0);
  }],
  ['signing out, a wrong password, and in again by the keyboard alone', async (world) => {
    const { page } = world;
    await world.button('Sign out').click();
    await page.getByRole('heading', { name: 'Sign in to clawbox' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in to clawbox' }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.labels?.[0].textContent), 'Name');
    await page.keyboard.type('ada');
    await page.keyboard.press('Tab');
    await page.keyboard.type('not the password');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Password', { exact: true }).focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  }],
];
