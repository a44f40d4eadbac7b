// run.mjs: the console's modules that need no browser, tested by Node's own test runner.
//
//   node tests/web/unit/run.mjs [NODE_MODULES] [OUT]
//
// They name their libraries as the bundle does, so the tests are bundled too.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../../..');
const modules = resolve(process.argv[2] ?? join(root, 'build/web/node_modules'));
const out = resolve(process.argv[3] ?? join(root, 'build/web/unit'));
const { buildSync } = createRequire(join(modules, 'x'))('esbuild');

const tests = readdirSync(here).filter((name) => name.endsWith('.test.mjs'));
buildSync({
  entryPoints: tests.map((name) => join(here, name)),
  outdir: out,
  outExtension: { '.js': '.mjs' },
  nodePaths: [modules],
  bundle: true,
  platform: 'neutral',
  conditions: ['browser'],
  mainFields: ['browser', 'module', 'main'],
  external: ['node:*'],
  format: 'esm',
  logLevel: 'warning',
});
const made = tests.map((name) => join(out, basename(name)));
const run = spawnSync(process.execPath, ['--test', ...made], { stdio: 'inherit', cwd: root, env: { ...process.env, CLAWBOX_ROOT: root } });
process.exit(run.status ?? 1);
