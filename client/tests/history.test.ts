/** The history: walked through while it grows, and exported, whole or not at all. */

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isProblem, Jeton, JetonUnexpected, JetonUnreachable } from 'jeton';
import type { Transaction } from 'jeton';
import { Answers } from './answers.js';
import { client, collected, failure, historyOf, spender, url } from './deployment.js';
import { Line } from './line.js';

const jeton = client();

/** An export that has begun, and does not go on. */
function begun(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/csv' });
  response.write('id,type\r\n');
}

/** All that the stream gives, as text. */
async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}

test('each entry comes once, from the newest on, whatever is written meanwhile', async () => {
  const userId = await spender(25);
  const before = (await historyOf(userId)).reverse();
  const met: Transaction[] = [];
  for await (const transaction of jeton.transactions({ userId, limit: 4 })) {
    met.push(transaction);
    await jeton.recordGeneration({ userId, tokenCost: 1 });
  }
  assert.deepEqual(met, before);
});

test('from the oldest on it comes to what is written meanwhile', async () => {
  const userId = await spender(10);
  const met: Transaction[] = [];
  for await (const transaction of jeton.transactions({ userId, order: 'asc', limit: 3 })) {
    met.push(transaction);
    if (met.length <= 10) await jeton.recordGeneration({ userId, tokenCost: 1 });
  }
  assert.equal(met.length, 21);
  assert.deepEqual(met, await historyOf(userId));
});

test('filters hold for all pages', async () => {
  const userId = await spender(5);
  for (let credit = 0; credit < 5; credit += 1) await jeton.addTokens({ userId, amount: 2 });
  const credits = await collected(jeton.transactions({ userId, type: 'CREDIT', limit: 2 }));
  assert.deepEqual(credits.map(({ amount }) => amount), [2, 2, 2, 2, 2, 5000]);
  assert.equal((await collected(jeton.transactions({ userId, contentType: 'ARTICLE', limit: 2 }))).length, 5);
  assert.deepEqual(await collected(jeton.transactions({ userId, to: new Date(0) })), []);
});

test('a page that does not say whether it is the last is none of Jeton\'s', async () => {
  for (const page of ['{"transactions":[],"accounts":[]}', '{"transactions":[],"accounts":[],"nextCursor":""}', '{"nextCursor":null}']) {
    const answers = await Answers.by(response => response.setHeader('content-type', 'application/json').end(page));
    const elsewhere = new Jeton({ url: answers.url });
    for (const walk of [elsewhere.transactions(), elsewhere.accounts()]) {
      const error = await failure(collected<unknown>(walk));
      assert.ok(error instanceof JetonUnexpected, inspect(error));
    }
    assert.equal(answers.requests.length, 2);
    answers.close();
  }
});

test('a page is read only when it is asked for', async () => {
  const userId = await spender(6);
  const line = await Line.to(url);
  for await (const { amount } of client({ url: line.url }).transactions({ userId, limit: 2 })) {
    assert.equal(amount, 1);
    assert.equal(line.keys.length, 1);
    break;
  }
  assert.equal(line.keys.length, 1);
  line.close();
});

test('a page that the line loses is read again, and an abort ends the walk', async () => {
  const userId = await spender(6);
  let requests = 0;
  const line = await Line.to(url, () => (requests += 1) % 2 === 0 ? 'halved' : 'passes');
  assert.deepEqual(await collected(client({ url: line.url }).transactions({ userId, limit: 3, order: 'asc' })), await historyOf(userId));
  assert.ok(requests > 3);
  const abort = new AbortController();
  const walk = jeton.transactions({ userId, limit: 1 }, { signal: abort.signal });
  await walk.next();
  abort.abort();
  assert.equal(await failure(walk.next()), abort.signal.reason);
  line.close();
});

test('an export is the whole selection, in both formats', async () => {
  const userId = await spender(60);
  const history = await historyOf(userId);
  const lines = (await textOf(await jeton.exportTransactions({ userId, format: 'ndjson', order: 'asc' }))).trimEnd().split('\n');
  assert.deepEqual(lines.map(line => JSON.parse(line)), history);
  const csv = (await textOf(await jeton.exportTransactions({ userId, format: 'csv', type: 'DEBIT' }))).trimEnd().split('\r\n');
  assert.equal(csv.length, 61);
  assert.match(csv[0] ?? '', /^id,type,amount,/);
});

test('an export that is refused throws before there is a stream', async () => {
  assert.ok(isProblem(await failure(jeton.exportTransactions({ userId: 'ä', format: 'csv' })), 'invalid_field'));
});

test('an export that breaks off errors, and is not a shorter file', async () => {
  const userId = await spender(60);
  const line = await Line.to(url, () => 'halved');
  const stream = await client({ url: line.url }).exportTransactions({ userId, format: 'ndjson' });
  const error = await failure(textOf(stream));
  assert.ok(error instanceof JetonUnreachable && error.code === 'unreachable', inspect(error));
  assert.match(error.message, /GET \/api\/transactions: the answer broke off/);
  line.close();
});

test('an export that falls silent errors, and one that is read slowly does not', async () => {
  const userId = await spender(60);
  const slow = await client({ timeoutMs: 200, retries: 20 }).exportTransactions({ userId, format: 'csv' });
  const answers = await Answers.by(begun);
  const silent = await new Jeton({ url: answers.url, timeoutMs: 400 }).exportTransactions({ format: 'csv' });
  const error = await failure(textOf(silent));
  assert.ok(error instanceof JetonUnreachable && error.code === 'timeout', inspect(error));
  answers.close();
  // Nobody has asked for anything of it in all that time.
  assert.equal((await textOf(slow)).split('\r\n').length, 63);
});

test('an export that is left, or aborted, leaves its connection', async () => {
  const abort = new AbortController();
  const answers = await Answers.by(begun);
  const jeton = new Jeton({ url: answers.url });
  const left = await jeton.exportTransactions({ format: 'csv' });
  const reader = left.getReader();
  assert.equal((await reader.read()).done, false);
  await reader.cancel();
  await answers.closed(0);
  const aborted = await jeton.exportTransactions({ format: 'csv' }, { signal: abort.signal });
  abort.abort();
  assert.equal(await failure(textOf(aborted)), abort.signal.reason);
  await answers.closed(1);
  answers.close();
});

test('what is no export is not taken for one', async () => {
  const answers = await Answers.by(response => response.setHeader('content-type', 'application/json').end('{"transactions":[]}'));
  const error = await failure(new Jeton({ url: answers.url, retries: 0 }).exportTransactions({ format: 'csv' }));
  assert.ok(error instanceof JetonUnexpected);
  answers.close();
});
