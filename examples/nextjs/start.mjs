// Starts the whole example: Jeton, and the application beside it, on this machine. It installs and builds what is missing.
//
//   npm run dev     with `next dev`
//   npm start       with `next start`, as it is deployed
//
// Settings, all optional: PORT and JETON_PORT, else 3001 and 3000, or free ones where these are taken; JETON_BIN, a Jeton that is
// built already, else `cargo run` builds one; JETON_DATA, where it keeps its accounts, else .jeton; JETON_API_KEY, the key between the
// two, and COOKIE_SECRET, else made for this run. With JETON_URL and JETON_API_KEY that Jeton is used, and none is started.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { spawn } from 'node:child_process';
import { build, install } from './packages.mjs';

const HOST = '127.0.0.1';
const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');

/** How long the application may take to give its first page, in milliseconds. */
const PATIENCE_MS = 120_000;

const production = process.argv.includes('--production');
const settings = process.env;
const secret = () => randomBytes(32).toString('hex');

/** What was started and runs. */
const running = new Set();
let ending = false;

/** Starts a program. Whatever ends one of them ends the others, and this. */
function start(name, program, args, options) {
  const child = spawn(program, args, options);
  running.add(child);
  child.on('error', (error) => end(1, `${name} does not start: ${error.message}`));
  child.on('exit', (code, signal) => {
    running.delete(child);
    end(1, `${name} has ended (${signal ?? `exit code ${code}`})`);
  });
  return child;
}

/** Ends all of it with this exit code. */
function end(code, why) {
  if (!ending) {
    ending = true;
    if (why) console.error(why);
    process.exitCode = code;
    for (const child of running) child.kill('SIGTERM');
  }
  if (running.size === 0) process.exit();
}

process.on('SIGINT', () => end(0));
process.on('SIGTERM', () => end(0));

/** This port, or a free one where it is taken. */
function freePort(wanted) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (error.code === 'EADDRINUSE' && wanted !== 0 ? resolve(freePort(0)) : reject(error)));
    server.listen(wanted, HOST, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts Jeton, for pages of this origin, under both names of this machine. It is asked as in production: with a key, and its test user has a week of history. */
async function startJeton(key, origin) {
  const port = await freePort(Number(settings.JETON_PORT ?? 3000));
  const args = ['--port', String(port), '--data', settings.JETON_DATA ?? join(HERE, '.jeton')];
  const [program, ...before] = settings.JETON_BIN
    ? [settings.JETON_BIN]
    : ['cargo', 'run', '--quiet', '--manifest-path', join(ROOT, 'Cargo.toml'), '--bin', 'jeton', '--'];
  const { REDIS_URL, ...others } = settings;
  const child = start('Jeton', program, [...before, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...others,
      VERCEL_ENV: 'production',
      JETON_API_KEYS: `example:credit:${key}`,
      JETON_JWT_SECRET: secret(),
      JETON_CORS_ORIGINS: `${origin},${origin.replace(HOST, 'localhost')}`,
    },
  });
  const ready = 'Jeton is ready at ';
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith(ready)) {
      child.stdout.resume();
      return line.slice(ready.length).trim();
    }
  }
  return undefined;
}

/** Starts the application, and waits until it gives its page. */
async function startNext(port, origin, env) {
  const next = join(HERE, 'node_modules/next/dist/bin/next');
  start('Next.js', process.execPath, [next, production ? 'start' : 'dev', '--hostname', HOST, '--port', String(port)], {
    cwd: HERE,
    // What it says of its start is said below.
    stdio: ['ignore', production ? 'ignore' : 'inherit', 'inherit'],
    env,
  });
  const deadline = Date.now() + PATIENCE_MS;
  while (!ending) {
    const answer = await fetch(origin, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => undefined);
    if (answer?.ok) return;
    if (answer || Date.now() > deadline) return end(1, `the application does not give its page: ${answer?.status ?? 'no answer'}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

install();
// Before anything is started: a build that fails leaves nothing behind.
if (production) build();
const port = await freePort(Number(settings.PORT ?? 3001));
const origin = `http://${HOST}:${port}`;
if (settings.JETON_URL && !settings.JETON_API_KEY) end(1, 'JETON_API_KEY is not set: the secret of a key of that Jeton, with scope credit');
const key = settings.JETON_API_KEY ?? secret();
const url = settings.JETON_URL ?? (await startJeton(key, origin));
if (url !== undefined) {
  const env = { COOKIE_SECRET: secret(), ...settings, JETON_URL: url, JETON_API_KEY: key, NEXT_TELEMETRY_DISABLED: '1' };
  await startNext(port, origin, env);
  if (!ending) console.log(`\nThe example is ready at ${origin}\n`);
}
