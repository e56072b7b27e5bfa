// Compiles the code of docs/nextjs.md beside what it imports: in target/nextjs, with the packages of the example.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/nextjs');
const FOLDER = join(ROOT, 'target/nextjs');

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const guide = readFileSync(join(ROOT, 'docs/nextjs.md'), 'utf8');
const files = [...guide.matchAll(/^```tsx?\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, name, code]) => [name, code]);
assert.ok(files.length > 0);
assert.equal(files.length, guide.match(/^```tsx?$/gm).length, 'each block of the guide begins with the name of its file');
// The application's own part, of which the guide says whose it is.
files.push(['app/lib/user.ts', 'export declare function signedInUser(): Promise<string | undefined>;']);
const compilerOptions = { incremental: false, types: ['node', 'react'] };
files.push(['tsconfig.json', JSON.stringify({ extends: join(EXAMPLE, 'tsconfig.json'), include: ['app'], compilerOptions })]);
for (const [name, code] of files) {
  mkdirSync(dirname(join(FOLDER, name)), { recursive: true });
  writeFileSync(join(FOLDER, name), code);
}
symlinkSync(join(EXAMPLE, 'node_modules'), join(FOLDER, 'node_modules'));
execFileSync(join(EXAMPLE, 'node_modules/.bin/tsc'), ['--noEmit', '--project', FOLDER], { stdio: 'inherit' });
console.log('done');
