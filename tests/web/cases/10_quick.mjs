import { readFileSync } from 'node:fs';
import { PASSWORD } from '../world.mjs';
export const always = true;
export default [['in', async (world) => { const link = /console: (\S+\/sign-in#cbxl_\S+)/.exec(readFileSync(world.log, 'utf8'))?.[1]; const { page } = world; await page.goto(link); await page.getByRole('heading', { name: 'Make your account' }).waitFor(); await page.getByLabel('Name', { exact: true }).fill('ada'); await page.getByLabel('Password', { exact: true }).fill(PASSWORD); await page.getByLabel('The password again').fill(PASSWORD); await world.button('Make the administrator').click(); await page.getByRole('heading', { name: 'Overview' }).waitFor(); }]];
