// What the example is made of: the package `jeton` of this repository, the packages of package-lock.json, and, for production, the built
// application. Each is installed or built where that has not been done since it last changed.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';

const HERE = import.meta.dirname;
const CLIENT = join(HERE, '../../client');

/** What the application is built from, in this folder or beside it. */
const SOURCES = ['app', 'proxy.ts', 'next.config.ts', 'tsconfig.json', 'package-lock.json', '../../client/dist'];

/** Which sources the build that is there was made from. */
const BUILT_FROM = join(HERE, '.next/built-from');

/** Installs the packages, and builds the one that is not from the registry. */
export function install() {
  packages(CLIENT);
  // It looks by itself whether there is something to do.
  run(CLIENT, 'npm', ['run', '--silent', 'compile']);
  packages(HERE);
}

/** Builds the application for production. */
export function build() {
  const sources = contents(SOURCES.map((source) => join(HERE, source)));
  if (existsSync(BUILT_FROM) && readFileSync(BUILT_FROM, 'utf8') === sources) return;
  run(HERE, process.execPath, ['node_modules/next/dist/bin/next', 'build']);
  writeFileSync(BUILT_FROM, sources);
}

/** Installs what a folder has locked, unless that is what was installed last. */
function packages(folder) {
  const [lock, installed] = ['package-lock.json', 'node_modules/installed.json'].map((name) => join(folder, name));
  if (existsSync(installed) && readFileSync(installed).equals(readFileSync(lock))) return;
  // No script of a package runs: they work without.
  run(folder, 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  copyFileSync(lock, installed);
}

/** A name for what is in these files, and in those of these folders. */
function contents(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const files = statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).sort().map((name) => join(path, name)) : [path];
    for (const file of files) {
      if (statSync(file).isFile()) hash.update(file).update('\0').update(readFileSync(file)).update('\0');
    }
  }
  return hash.digest('hex');
}

function run(cwd, program, args) {
  execFileSync(program, args, { cwd, stdio: 'inherit', env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' } });
}

// `node packages.mjs` installs and builds, and starts nothing.
if (argv[1] === import.meta.filename) {
  install();
  build();
}
