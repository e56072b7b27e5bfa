/** The package where there is no Node: in the Edge Runtime, and in a page of Chromium. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { EdgeVM } from '@edge-runtime/vm';
import { build } from 'esbuild';
import { client, debitsOf, setting, spender, url } from './deployment.js';

/** What is done in both places: it has only what the web has. */
const WORK = `async ({ url, key, session, userId, jeton: { Jeton, isProblem } }) => {
  const jeton = new Jeton({ url, key, session });
  const told = [];
  const stats = await jeton.getStats({ userId });
  told.push(stats.tokenBalance);
  if (key) told.push((await jeton.recordGeneration({ userId, tokenCost: 2 })).stats.tokenBalance);
  for await (const { amount } of jeton.transactions({ userId, limit: 1, order: 'asc' })) told.push(amount);
  const text = await new Response(await jeton.exportTransactions({ userId, format: 'ndjson', order: 'asc' })).text();
  told.push(text.trimEnd().split('\\n').length);
  for await (const { event } of jeton.subscribe({ userId, lastEventId: '0-0' })) {
    told.push(event);
    if (event === 'stats') break;
  }
  try {
    await jeton.recordGeneration({ userId, tokenCost: 9000 });
  } catch (error) {
    told.push(isProblem(error) ? error.code : String(error));
  }
  const abort = new AbortController();
  abort.abort();
  told.push(await jeton.getStats({ userId }, { signal: abort.signal }).catch(error => error.name));
  return told;
}`;

test('it works in the Edge Runtime, which has nothing of Node', async () => {
  const userId = await spender(1);
  const bundle = await build({ stdin: { contents: 'export * from "jeton"', resolveDir: import.meta.dirname }, bundle: true, write: false, format: 'iife', globalName: 'jeton' });
  const edge = new EdgeVM();
  assert.equal(edge.evaluate('typeof process + typeof Buffer + typeof require'), 'undefinedundefinedundefined');
  edge.evaluate(bundle.outputFiles[0]?.text ?? '');
  const told = await edge.evaluate(`(${WORK})({ ...${JSON.stringify({ url, key: setting('JETON_API_KEY'), userId })}, jeton })`);
  assert.deepEqual([...told], [4999, 4997, 5000, 1, 2, 3, 'transaction', 'transaction', 'transaction', 'stats', 'insufficient_tokens', 'AbortError']);
  assert.equal((await debitsOf(userId)).length, 2);
});

test('it works in a page, as it is, from another origin', async () => {
  const userId = await spender(1);
  const { chromium } = createRequire(setting('BROWSER'))('playwright-core');
  const server = createServer(async (request, response) => {
    const name = request.url ?? '';
    const script = /^\/[a-z-]+\.js$/.test(name) ? await readFile(new URL(`.${name}`, import.meta.resolve('jeton'))) : undefined;
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html').end(script ?? '<!doctype html>');
  });
  server.listen(Number(setting('PAGE_PORT')), '127.0.0.1');
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  const browser = await chromium.launch({ executablePath, args: ['--disable-quic', '--disable-dev-shm-usage'] });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const { token } = await client().createSession({ userId });
    const told = await page.evaluate(`import('/index.js').then(jeton => (${WORK})({ ...${JSON.stringify({ url, session: token })}, jeton }))`);
    assert.deepEqual(told, [4999, 5000, 1, 2, 'transaction', 'transaction', 'stats', 'forbidden', 'AbortError']);

    // A secret has no place there.
    const refused = await page.evaluate(`import('/index.js').then(({ Jeton }) => new Jeton({ url: '${url}', key: 'secret' })).catch(error => error.message)`);
    assert.match(refused, /is a secret, and whoever opens a page can read/);

    // Retries of a read, with what a page may see of the answer.
    await page.route('**/api/usage*', (route: { abort(): void }) => route.abort());
    const unreachable = await page.evaluate(`import('/index.js').then(({ Jeton }) =>
      new Jeton({ url: '${url}', session: '${token}', retries: 1 }).getUsage()).catch(error => error.code)`);
    assert.equal(unreachable, 'unreachable');
  } finally {
    await browser.close();
    server.close();
  }
});
