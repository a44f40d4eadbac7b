// build.mjs: makes the console's pages one C table.
//
//   node web/build.mjs OUT [NODE_MODULES]
//
// Bundles web/ into OUT/site (to look at), and writes OUT/console_assets.c, which modules/console/assets.h describes: every file
// compressed, named by its hash, the page itself with an entity tag. The same sources give the same bytes.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const web = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(web, '../build/web/out'));
const modules = resolve(process.argv[3] ?? join(web, '../build/web/node_modules'));
const { buildSync } = createRequire(join(modules, 'x'))('esbuild');

const FIRST_VIEW_LIMIT = 100 * 1024;
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };

const result = buildSync({
  absWorkingDir: web,
  entryPoints: ['main.js', 'style.css', 'icon.svg'],
  outdir: join(out, 'site/assets'),
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  loader: { '.svg': 'copy' },
  nodePaths: [modules],
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['chrome123', 'firefox128', 'safari17.5'],
  minify: true,
  legalComments: 'none',
  metafile: true,
  write: false,
  logLevel: 'warning',
});
if (result.warnings.length > 0) process.exit(1);

// The site: what esbuild made, and index.html, which names it.
const made = Object.entries(result.metafile.outputs).map(([path, about]) => ({ ...about, name: path.split('/').pop() }));
const named = (entry) => made.find((file) => file.entryPoint === entry || Object.keys(file.inputs).includes(entry)).name;
const main = made.find((file) => file.entryPoint === 'main.js');
const shared = main.imports.filter((one) => one.kind === 'import-statement').map((one) => one.path.split('/').pop());
const index = readFileSync(join(web, 'index.html'), 'utf8')
  .replace('<!-- modules -->', shared.map((name) => `<link rel="modulepreload" href="/assets/${name}">`).join(''))
  .replace('/main.js', `/assets/${main.name}`)
  .replace('/style.css', `/assets/${made.find((file) => file.name.endsWith('.css')).name}`)
  .replace('/icon.svg', `/assets/${named('icon.svg')}`);
const files = result.outputFiles.map((file) => ({ path: `/assets/${file.path.split('/').pop()}`, bytes: Buffer.from(file.contents), immutable: true }));
files.push({ path: '/index.html', bytes: Buffer.from(index), immutable: false });
files.sort((a, b) => (a.path < b.path ? -1 : 1));
for (const file of files) {
  file.type = TYPES[file.path.split('.').pop()];
  if (!file.type) throw new Error(`${file.path}: no media type for it`);
  file.gzip = gzipSync(file.bytes, { level: 9 });
  file.tag = `"${createHash('sha256').update(file.bytes).digest('hex').slice(0, 32)}"`;
}

// What a browser fetches before it shows the first page: everything that index.html names, and the overview with what that imports.
const first = new Set(['index.html', named('icon.svg'), files.find((file) => file.path.endsWith('.css')).path.split('/').pop()]);
const add = (name) => {
  if (first.has(name)) return;
  first.add(name);
  for (const one of made.find((file) => file.name === name).imports) if (one.kind === 'import-statement') add(one.path.split('/').pop());
};
add(main.name);
for (const file of made) if (/^pages\/(overview|sign_in)\.js$/.test(file.entryPoint ?? '')) add(file.name);
const weight = files.filter((file) => first.has(file.path.split('/').pop())).reduce((sum, file) => sum + file.gzip.length, 0);
if (weight > FIRST_VIEW_LIMIT) throw new Error(`the first view is ${weight} bytes, compressed; ${FIRST_VIEW_LIMIT} are allowed`);

rmSync(join(out, 'site'), { recursive: true, force: true });
mkdirSync(join(out, 'site/assets'), { recursive: true });
for (const file of files) writeFileSync(join(out, 'site', file.path), file.bytes);

const array = (bytes) => (bytes.toString('hex').match(/.{1,64}/g) ?? []).map((line) => line.replace(/../g, '0x$&,')).join('\n');
writeFileSync(join(out, 'console_assets.c'), `/* Written by web/build.mjs. */
#include "console/assets.h"

${files.map((file, i) => `/* ${file.path} */\nstatic const unsigned char file_${i}[] = {\n${array(file.gzip)}\n};\n`).join('\n')}
const struct console_asset console_assets[] = {
${files.map((file, i) => `    {${JSON.stringify(file.path)}, ${JSON.stringify(file.type)}, ${JSON.stringify(file.tag)}, ${file.immutable}, file_${i}, sizeof(file_${i})},`).join('\n')}
};
const size_t console_asset_count = ${files.length};
`);
const total = files.reduce((sum, file) => sum + file.gzip.length, 0);
process.stdout.write(`console: ${files.length} files, ${total} bytes compressed, ${weight} of them for the first view\n`);
