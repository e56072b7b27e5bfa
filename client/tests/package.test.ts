/** The package as it is packed, and as somebody has it who installs it elsewhere. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** The package's folder: the tests run in it. */
const here = process.cwd();
let elsewhere = '';
/** The files of the package, by their paths in it. */
let files: string[] = [];

interface Packed {
  filename: string;
  files: { path: string }[];
}

/** Packs what is in a folder, with these arguments beside. */
async function packed(folder: string, args: string[]): Promise<Packed> {
  const { stdout } = await run('npm', ['pack', '--json', ...args], { cwd: folder });
  // What the build says comes before.
  const [one] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [Packed];
  return one;
}

before(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'jeton-'));
  // It is built by now: a build would change it under the other tests.
  const { filename, files: all } = await packed(here, ['--ignore-scripts', '--pack-destination', elsewhere]);
  files = all.map(({ path }) => path);
  await writeFile(join(elsewhere, 'package.json'), '{"private":true,"type":"module"}');
  // With no network: it has no dependency that would have to come from anywhere.
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--omit=peer', join(elsewhere, filename)], { cwd: elsewhere });
  for (const name of ['consumer.ts', 'models.ts']) await cp(join('tests/consumer', name), join(elsewhere, name));
  // What a consumer has beside, for the entries that stand on it.
  const modules = join(elsewhere, 'node_modules');
  await mkdir(join(modules, '@types'), { recursive: true });
  const beside = ['react', 'react-dom', 'ai', '@ai-sdk', 'zod', 'typescript', '@types/react', '@types/react-dom', '@types/node', 'csstype', 'undici-types',
    'json-schema', '@standard-schema', 'eventsource-parser', '@opentelemetry', '@vercel'];
  for (const name of beside) await symlink(join(here, 'node_modules', name), join(modules, name)).catch(() => undefined);
});

after(() => rm(elsewhere, { recursive: true, force: true }));

test('it holds what it needs, and nothing else', async () => {
  const { exports } = JSON.parse(await readFile('package.json', 'utf8')) as { exports: Record<string, string | Record<string, string>> };
  const entries = Object.values(exports).flatMap(entry => typeof entry === 'string' ? [entry] : Object.values(entry));
  for (const entry of entries) assert.ok(files.includes(entry.replace('./', '')), entry);
  for (const file of ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) assert.ok(files.includes(file), file);
  const foreign = files.filter(file => !/^(dist\/.+\.(js|d\.ts)|README\.md|LICENSE-(MIT|APACHE)|package\.json)$/.test(file));
  assert.deepEqual(foreign, []);
  assert.deepEqual(files.filter(file => /test/i.test(file)), []);
  for (const file of files) {
    const text = await readFile(join(elsewhere, 'node_modules/jeton', file), 'utf8');
    assert.ok(!text.includes(here) && !/\/(home|root|tmp|Users)\//.test(text), `${file} knows where it was built`);
    assert.doesNotMatch(text, /sourceMappingURL/, file);
  }
});

test('it is packed from the sources as they are, whatever was built before', async () => {
  const copy = join(elsewhere, 'copy');
  const left = ['node_modules', 'dist', 'build', 'tests'].map(name => join(here, name));
  await cp(here, copy, { recursive: true, filter: source => !left.includes(source) });
  await symlink(join(here, 'node_modules'), join(copy, 'node_modules'));
  // What a source came to that is no longer there.
  await mkdir(join(copy, 'dist'));
  await writeFile(join(copy, 'dist/removed.js'), 'export {};');
  const { files: anew } = await packed(copy, ['--dry-run']);
  assert.deepEqual(anew.map(({ path }) => path), files);
});

test('its licences are the project\'s', async () => {
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) assert.equal(await readFile(name, 'utf8'), await readFile(join('..', name), 'utf8'));
});

test('it needs nothing at run time', async () => {
  const own = JSON.parse(await readFile('package.json', 'utf8')) as Record<string, Record<string, unknown>>;
  assert.equal(own.dependencies, undefined);
  for (const peer of Object.keys(own.peerDependencies ?? {})) assert.deepEqual(own.peerDependenciesMeta?.[peer], { optional: true });
  // The core stands on nothing at all, and on nothing of Node's.
  for (const file of files.filter(path => /^dist\/[^/]+\.js$/.test(path))) {
    const imports = [...(await readFile(file, 'utf8')).matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map(([, name]) => name ?? '');
    assert.deepEqual(imports.filter(name => !name.startsWith('./')), [], file);
  }
});

/** Compiles files elsewhere, with a project of this name. */
async function compiled(project: string, compilerOptions: object, ...files: string[]): Promise<void> {
  await writeFile(join(elsewhere, `${project}.json`), JSON.stringify({ compilerOptions, files }));
  const tsc = join(here, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '--project', `${project}.json`], { cwd: elsewhere }).catch((error: { stdout: string }) => assert.fail(error.stdout));
}

// A server has no page's types, and a page has none of Node's.
for (const [moduleResolution, module, lib, types] of [
  ['nodenext', 'nodenext', ['es2022'], ['node']],
  ['bundler', 'esnext', ['es2022', 'dom', 'dom.iterable'], []],
] as const) {
  test(`it compiles elsewhere, strictly, with ${moduleResolution}, and runs`, async () => {
    const compilerOptions = {
      strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, target: 'es2022', jsx: 'react-jsx', lib, types, module,
      moduleResolution, outDir: moduleResolution,
      // TypeScript's own declarations are not ours to check, and take the longest; all others are checked.
      skipDefaultLibCheck: true,
    };
    await compiled(moduleResolution, compilerOptions, 'consumer.ts');
    const { stdout } = await run(process.execPath, [`${moduleResolution}/consumer.js`], { cwd: elsewhere });
    assert.equal(stdout, 'unexpected function,object\n');
  });
}

test('it compiles beside the AI SDK, whose own declarations are not right for every project', async () => {
  const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], types: [],
    module: 'esnext', moduleResolution: 'bundler', skipLibCheck: true, noEmit: true };
  await compiled('models', compilerOptions, 'models.ts');
});

test('the page and the route of the README compile, strictly', async () => {
  const blocks = [...(await readFile('README.md', 'utf8')).matchAll(/^```(tsx?)\n(.*?)^```/gms)];
  const whole = blocks.filter(([, , text]) => /from 'jeton\/react'|from '@\/auth'/.test(text ?? ''));
  assert.equal(whole.length, 2);
  const names = whole.map(([, kind], at) => `readme-${at}.${kind}`);
  for (const [at, name] of names.entries()) await writeFile(join(elsewhere, name), whole[at]?.[2] ?? '');
  await writeFile(join(elsewhere, 'auth.ts'), 'export declare function currentUser(): Promise<{ id: string } | undefined>;');
  const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], types: ['node'],
    jsx: 'react-jsx', module: 'esnext', moduleResolution: 'bundler', skipLibCheck: true, noEmit: true, paths: { '@/auth': ['./auth.ts'] } };
  await compiled('readme', compilerOptions, ...names);
});

test('each entry is there as a module, and nothing behind them is', async () => {
  const script = `for (const entry of ['jeton', 'jeton/stats-service', 'jeton/react', 'jeton/ai']) await import(entry);
    await import('jeton/dist/transport.js').then(() => { throw new Error('it is open'); }, error => {
      if (error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
    });`;
  await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: elsewhere });
});
