// Audit: what arrives is seen, searched, opened, exported, and the chain is walked. Paths hold what an attacker would write.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { apply, ask, closed, dialog } from '../dora.mjs';

const NAUGHTY = ['/<script>window.hit=1</script>', '/%3Cimg%20src=x%20onerror=window.hit=1%3E', '/"><svg/onload=window.hit=1>', '/=cmd|calc', '/%E2%80%AE/gnp.exe', `/${'a'.repeat(900)}`,
  '/${window.hit=1}', '/{{7*7}}', "/';window.hit=1;'", '/v1/<b>bold</b>'];
const PAGE = '/audit?tenant=dora';

const rows = (world) => world.page.locator('tbody tr');

export default [
  ['audit: a request is one row, opened with its decision and its outcome', async (world) => {
    await apply(world);
    assert.equal(await ask(world, '/v1/echo?page=secret-value'), 200);
    await world.visit(PAGE);
    const row = rows(world).filter({ hasText: '/v1/echo?page' }).first();
    await row.getByText('200', { exact: true }).waitFor();
    await row.getByRole('button').click();
    await dialog(world).getByRole('heading', { name: 'Decision' }).waitFor();
    await dialog(world).getByRole('heading', { name: 'Outcome' }).waitFor();
    assert.match(await dialog(world).innerText(), /127\.0\.0\.1/);
    assert.ok(!(await world.page.content()).includes('secret-value'));
    await world.look('audit-record');
    await world.page.keyboard.press('Escape');
    await closed(world);
  }],
  ['audit: records arrive while the page is open', async (world) => {
    await apply(world);
    await world.visit(PAGE);
    await world.page.getByText('live', { exact: true }).waitFor();
    let searches = 0;
    const listen = (request) => { searches += request.url().includes('audit:search') ? 1 : 0; };
    world.page.on('request', listen);
    await ask(world, '/v1/arrives');
    await rows(world).filter({ hasText: '/v1/arrives' }).getByText('200', { exact: true }).waitFor();
    await ask(world, '/private/arrives');
    await rows(world).filter({ hasText: '/private/arrives' }).getByText('no_route_path').waitFor();
    world.page.off('request', listen);
    assert.equal(searches, 0, 'it came by the stream');
  }],
  ['audit: the search finds what was asked for and nothing else', async (world) => {
    await apply(world);
    await ask(world, '/v1/find-me');
    await ask(world, '/private/find-me');
    const { page } = world;
    await world.visit('/audit');
    await page.getByLabel('Verdict').selectOption('denied');
    await page.waitForURL(/verdict=denied/);
    await page.getByLabel('Text').fill('FIND-me');
    await world.button('Search').click();
    await page.waitForURL(/text=FIND-me/);
    await rows(world).filter({ hasText: '/private/find-me' }).first().waitFor();
    await rows(world).filter({ hasText: '/v1/' }).first().waitFor({ state: 'detached' });
    for (const text of await rows(world).allInnerTexts()) assert.match(text, /denied[^]*find-me/);
    await page.getByLabel('Host').fill('nobody.example.com');
    await world.button('Search').click();
    await page.getByText('No record is like that.').waitFor();
    await world.button('Clear').click();
    await rows(world).filter({ hasText: '/v1/find-me' }).first().waitFor();
  }],
  ['audit: what an agent wrote is text', async (world) => {
    await apply(world);
    for (const path of NAUGHTY) await ask(world, path, { more: ['-A', '<script>window.hit=1</script>'] });
    await world.visit('/audit?tenant=dora&kind=decision');
    await rows(world).filter({ hasText: '<script>' }).first().waitFor();
    for (const row of (await rows(world).all()).slice(0, NAUGHTY.length)) {
      await row.getByRole('button').click();
      await dialog(world).getByRole('heading', { name: 'Decision' }).waitFor();
      await world.page.keyboard.press('Escape');
      await closed(world);
    }
    await world.look('audit-naughty', '/audit?tenant=dora&kind=decision');
    await world.visit('/denials?tenant=dora');
    await world.page.getByText('<script>').first().waitFor();
    await world.look('denials-naughty', '/denials?tenant=dora');
    assert.equal(await world.page.evaluate('window.hit'), undefined);
    assert.equal(await world.page.locator('tbody script, tbody img, tbody svg, tbody td b').count(), 0);
  }],
  ['audit: exports have every record, and a spreadsheet finds no formula', async (world) => {
    await world.visit(PAGE);
    await rows(world).first().waitFor();
    const take = async (format) => {
      await world.button('Export').click();
      const [file] = await Promise.all([world.page.waitForEvent('download'), world.button(format).click()]);
      return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
    };
    const lines = await take('JSON lines');
    assert.match(lines.name, /^clawbox-audit-dora-.*\.jsonl$/);
    const found = new Set(lines.text.trimEnd().split('\n').map((line) => JSON.parse(line).hash));
    const all = (await world.clawbox('audit', 'dora', '--json', '-n', '1000')).out.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(all.filter((one) => !found.has(one.hash)), []);
    await closed(world);
    const csv = await take('CSV');
    assert.ok(csv.text.startsWith('seq,time,kind,tenant,'));
    assert.ok(!/(^|,)[=+@]/m.test(csv.text), 'a cell begins like a formula');
  }],
  ['audit: the chain is walked', async (world) => {
    await world.visit('/audit');
    await world.button('Verify the chain').click();
    await dialog(world).getByText('It is whole.').waitFor();
    await world.look('audit-chain');
  }],
];
