// world.mjs: what the cases find: a browser, a page that is signed in, a server with its command line, and an agent behind the proxy.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../../build/web-tests/x', import.meta.url));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const PASSWORD = 'four words are good';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
// A cumulative layout shift that nobody sees: a pixel of a line here and there.
const SHIFT_MAX = 0.005;
const SHIFT_MS = 250; // for as long as a page is watched after it is there
const WAIT = 10_000; // milliseconds after which something that must happen is said not to have happened

/** Runs a program to its end: {status, out, err}. */
export function run(program, args, { input = '', env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, out, err }));
    child.stdin.on('error', () => {}); // One that reads nothing may have ended.
    child.stdin.end(input);
  });
}

export class World {
  constructor(given) {
    Object.assign(this, given);
    this.origin = /console at (http:\/\/[^/\s]+)/.exec(readFileSync(this.log, 'utf8'))?.[1];
    this.complaints = [];
    mkdirSync(this.shots, { recursive: true });
  }

  async open() {
    this.browser = await chromium.launch({ executablePath: this.chromium, args: FLAGS });
    this.page = await this.newPage();
  }

  close() {
    return this.browser.close();
  }

  /** A page with cookies of its own. What it complains about fails the case. */
  async newPage(options = {}) {
    const context = await this.browser.newContext({ viewport: SIZES.wide, baseURL: this.origin, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'], ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT);
    page.on('pageerror', (error) => this.complaints.push(`script: ${error.message}`));
    page.on('console', (message) => {
      // A refusal is an answer, which the page shows; anything else that the browser says is a mistake of ours.
      if (['error', 'warning'].includes(message.type()) && !/the server responded with a status of (4\d\d|503)/.test(message.text())) this.complaints.push(`console: ${message.text()} (${page.url()})`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(this.origin) && !/^(blob|data):/.test(request.url())) this.complaints.push(`another origin: ${request.url()}`);
    });
    return page;
  }

  /** The sign-in link that the first start said, or a new one. */
  async link() {
    const { out, err } = await this.clawbox('console');
    const link = /https?:\/\/\S+\/sign-in#cbxl_[A-Za-z0-9_-]+/.exec(out + err);
    if (!link) throw new Error(`no link: ${out}${err}`);
    return link[0];
  }

  /** `clawbox ARGS... --state STATE`; a failure is an error. */
  async clawbox(...args) {
    const input = typeof args.at(-1) === 'object' ? args.pop().input : '';
    const done = await run(this.program, [...args, '--state', this.state], { input });
    if (done.status !== 0) throw new Error(`clawbox ${args.join(' ')}: ${done.status}: ${done.err}`);
    return done;
  }

  /** Which processes of the server have one of the values in their memory, in any form of it: {processes, found: {name: [process]}}. As root. */
  async holders(values) {
    const { status, out, err } = await run('python3', [fileURLToPath(new URL('../e2e/process_memory.py', import.meta.url)), String(this.pid)], { input: JSON.stringify(values) });
    if (status !== 0) throw new Error(`the memory cannot be read: ${err}`);
    return JSON.parse(out);
  }

  /** curl as the tenant's agent: {status, out, err}, where status is curl's own. */
  async curl(tenant, ...args) {
    const { out } = await this.clawbox('env', tenant, '--json');
    const variables = JSON.parse(out).variables ?? JSON.parse(out);
    return run('curl', ['-sS', '--max-time', '30', ...args], { env: { PATH: process.env.PATH, ...variables } });
  }

  /** Goes to a page and waits until it shows what it has. */
  async visit(path, page = this.page) {
    await page.goto(path);
    await this.settled(page);
  }

  async settled(page = this.page) {
    await page.locator('main h1').first().waitFor();
    await page.waitForFunction(() => !document.querySelector('.loading') && [...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('canvas')));
  }

  /** What axe finds in the page as it is. */
  async violations(page = this.page) {
    return page.evaluate(`${axe}; axe.run(document, {runOnly: ${JSON.stringify(RULES)}}).then((found) => found.violations.map((one) =>
      one.id + ': ' + one.nodes.slice(0, 3).map((node) => node.target.join(' ') + ' ' + node.failureSummary.replace(/\\s+/g, ' ').slice(0, 160)).join(' | ')))`);
  }

  /** A page in four looks: screenshots, and an error for what axe finds, for what is wider than the screen, and for what jumps. */
  async look(name, path, page = this.page) {
    const wrong = [];
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of ['light', 'dark']) {
        const which = `${name}-${size}-${colorScheme}`;
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        if (path) await this.visit(path, page);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (over > 0) wrong.push(`${which}: ${over} pixels too wide`);
        const shift = path ? await page.evaluate((ms) => new Promise((done) => {
          let sum = 0;
          new PerformanceObserver((list) => { for (const one of list.getEntries()) sum += one.hadRecentInput ? 0 : one.value; }).observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => done(sum), ms);
        }), SHIFT_MS) : 0;
        if (shift > SHIFT_MAX) wrong.push(`${which}: the layout shifts by ${shift.toFixed(3)}`);
        wrong.push(...(await this.violations(page)).map((one) => `${which}: ${one}`));
        // Last, in a window as high as the page: what sticks to an edge would stand across its middle.
        const height = await page.evaluate(() => document.documentElement.scrollHeight);
        await page.setViewportSize({ width: viewport.width, height: Math.max(viewport.height, height) });
        await page.screenshot({ path: join(this.shots, `${which}.png`), fullPage: true, animations: 'disabled' });
      }
    }
    await page.setViewportSize(SIZES.wide);
    await page.emulateMedia({ colorScheme: 'light' });
    if (wrong.length > 0) throw new Error(wrong.join('\n  '));
  }

  button(name, page = this.page) {
    return page.getByRole('button', { name, exact: true });
  }

  async signIn(page, name, password) {
    await page.goto('/sign-in');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await this.button('Sign in', page).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  }
}
