// Every page, light and dark, wide and narrow: screenshots to look at, nothing for axe to find, nothing that jumps or is too wide. And the
// first view: how heavy, how soon.
import assert from 'node:assert/strict';

const PAGES = { overview: '/', tenants: '/tenants', tenant: '/tenants/alice', routes: '/tenants/alice/routes', credentials: '/tenants/alice/credentials', audit: '/audit', denials: '/denials', settings: '/settings', nothing: '/no/such/page' };

export default [
  ...Object.entries(PAGES).map(([name, path]) => [`looks: ${name}`, (world) => world.look(name, path)]),
  ['everything can be reached by the keyboard', async (world) => {
    const { page } = world;
    await world.visit('/tenants');
    const reached = new Set();
    for (let i = 0; i < 60; i += 1) {
      await page.keyboard.press('Tab');
      const what = await page.evaluate(() => (document.activeElement === document.body ? '' : document.activeElement.getAttribute('aria-label') ?? document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent));
      if (what) reached.add(what);
    }
    for (const wanted of ['To the content', 'Overview', 'Settings', 'Sign out', 'New tenant', 'Search by name', 'alice']) assert.ok(reached.has(wanted), `${wanted} is not among ${[...reached].join(', ')}`);
    await world.button('New tenant').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'New tenant', 'the focus is back');
    // A menu is left by Escape, and what was opened from it gives the focus back to it.
    await world.visit('/tenants/alice');
    const more = world.button('More');
    await more.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Manifests for Kubernetes');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.menu-items').count(), 0);
    assert.ok(await more.evaluate((button) => button === document.activeElement), 'at the menu');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Save this file' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.ok(await more.evaluate((button) => button === document.activeElement), 'at the menu again');
    // Whoever tabs sees where: every control that has the focus has an outline.
    for (let i = 0; i < 12; i += 1) {
      await page.keyboard.press('Tab');
      assert.ok(await page.evaluate(() => document.activeElement === document.body || parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2), `after ${i + 1} steps`);
    }
  }],
  ['times are those of the reader’s zone', async (world) => {
    const storageState = await world.page.context().storageState();
    const shown = [];
    for (const timezoneId of ['Asia/Kolkata', 'America/St_Johns']) {
      const page = await world.newPage({ timezoneId, storageState });
      await world.visit('/audit?tenant=alice&kind=change', page);
      const { at, text } = await page.locator('tbody time').last().evaluate((time) => ({ at: time.dateTime, text: time.textContent }));
      const wanted = new Intl.DateTimeFormat('en', { timeZone: timezoneId, hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(new Date(at));
      assert.ok(text.endsWith(wanted), `${text} is not ${wanted}, which ${at} is in ${timezoneId}`);
      shown.push(text);
      await page.context().close();
    }
    assert.notEqual(shown[0], shown[1]);
  }],
  ['the first view is under 100 KiB, and quick', async (world) => {
    const times = [];
    let weight = 0;
    for (let i = 0; i < 5; i += 1) {
      const page = await world.newPage();
      await page.goto('/');
      await page.getByRole('heading', { level: 1 }).waitFor();
      const view = await page.evaluate(() => ({
        painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity,
        bytes: [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((sum, one) => sum + one.transferSize, 0),
      }));
      times.push(view.painted);
      weight = Math.max(weight, view.bytes);
      await page.context().close();
    }
    assert.ok(weight > 0 && weight < 100 * 1024, `${weight} bytes`);
    // Below 300 ms where nothing else runs. Here the rest of the tests may, so the limit says only that nothing is very wrong.
    assert.ok(Math.min(...times) < 1500, `painted after ${times.map(Math.round).join(', ')} ms`);
    process.stdout.write(`first view: ${weight} bytes, painted after ${Math.round(Math.min(...times))} ms\n`);
  }],
];
