// drive.mjs: runs the cases of cases/ in the order of their files, one after another, with one server and one browser. run.py starts it
// and gives it the world on standard input.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { World } from './world.mjs';

const world = new World(JSON.parse(readFileSync(0, 'utf8')));
const cases = fileURLToPath(new URL('./cases', import.meta.url));
let passed = 0;
let failed = 0;

await world.open();
all: for (const file of readdirSync(cases).filter((name) => name.endsWith('.mjs')).sort()) {
  const { default: tests, always = false } = await import(join(cases, file));
  for (const [name, test] of tests) {
    if (!always && !name.includes(world.part)) continue;
    world.complaints.length = 0;
    try {
      await test(world);
      if (world.complaints.length > 0) throw new Error(world.complaints.join('\n  '));
      passed += 1;
    } catch (error) {
      failed += 1;
      process.stdout.write(`FAILED: ${name}: ${error.stack}\n`);
      await world.page.screenshot({ path: join(world.shots, `failed-${file}-${failed}.png`) }).catch(() => {});
      if (always) break all; // Nothing after it would find what it needs.
    }
  }
}
await world.close();
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed > 0 ? 1 : 0);
