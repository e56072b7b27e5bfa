/** Calls over lines that break: what is sent again is made once, and nothing is sent for ever. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isProblem, Jeton, JetonUnexpected, JetonUnreachable } from 'jeton';
import { Answers, refuse } from './answers.js';
import { client, debitsOf, failure, historyOf, somebody, url } from './deployment.js';
import { Line } from './line.js';
import type { Fate } from './line.js';
import { pauses } from './pauses.js';

test('500 debits through a line that breaks often are 500 debits', async () => {
  const fates: Fate[] = ['unsent', 'sent', 'unanswered', 'halved'];
  // Each debit meets up to three breaks, of every kind and in every order, before it gets through.
  const met = new Map<Fate, number>();
  const numbers = new Map<string, number>();
  const line = await Line.to(url, ({ key, attempt }) => {
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    const number = numbers.get(key) ?? 0;
    const fate = attempt < number % 4 ? fates[Math.floor(number / 4 ** (attempt + 1)) % 4] ?? 'passes' : 'passes';
    met.set(fate, (met.get(fate) ?? 0) + 1);
    return fate;
  });
  // More attempts than breaks, as a machine that is busy breaks some connections of its own.
  const jeton = client({ url: line.url, retries: 10 });
  const userId = somebody();
  const results = await Promise.all(Array.from({ length: 500 }, () => jeton.recordGeneration({ userId, tokenCost: 2 })));
  line.close();

  const history = await historyOf(userId);
  const debits = history.filter(({ type }) => type === 'DEBIT');
  assert.equal(debits.length, 500);
  assert.equal(history.at(-1)?.balance, 4000);
  // Each caller was told of a debit of its own.
  assert.deepEqual(new Set(results.map(({ transaction }) => transaction.id)), new Set(debits.map(({ id }) => id)));
  assert.equal(numbers.size, 500);
  for (const fate of fates) assert.ok((met.get(fate) ?? 0) > 100, inspect(met));
});

test('every change has a key of its own, the same in all attempts', async context => {
  pauses(context);
  const line = await Line.to(url, ({ attempt }) => attempt < 2 ? 'unanswered' : 'passes');
  const jeton = client({ url: line.url });
  const userId = somebody();
  const { transaction } = await jeton.recordGeneration({ userId });
  const { reservation } = await jeton.reserve({ userId, amount: 5 });
  await jeton.capture({ userId, reservationId: reservation.id });
  await jeton.addTokens({ userId, amount: 10 });
  await jeton.refund({ userId, transactionId: transaction.id });
  await jeton.updateAccount({ userId, caps: { daily: null } });
  line.close();
  assert.equal(line.keys.length, 6 * 3);
  assert.equal(new Set(line.keys).size, 6);
  for (const key of line.keys) assert.match(key, /^[0-9a-f]{32}$/);
  assert.deepEqual((await historyOf(userId)).map(({ amount }) => amount), [5000, 3, 5, 10, 3]);
});

test('a read is sent again, too', async context => {
  pauses(context);
  for (const fate of ['unsent', 'sent', 'unanswered', 'halved'] satisfies Fate[]) {
    let reads = 0;
    const line = await Line.to(url, () => (reads += 1) < 3 ? fate : 'passes');
    const { tokenBalance } = await client({ url: line.url }).getStats({ userId: somebody() });
    assert.equal(tokenBalance, 5000);
    assert.equal(reads, 3);
    line.close();
  }
});

test('a session is asked for without a key, which would have it kept', async () => {
  const line = await Line.to(url);
  await client({ url: line.url }).createSession({ userId: somebody() });
  await client({ url: line.url }).createSession({ userId: somebody() }, { idempotencyKey: 'mine' });
  line.close();
  assert.deepEqual(line.keys, ['', 'mine']);
});

test('a server that has done it and says nothing is asked again under the key: one debit', async () => {
  const line = await Line.to(url, ({ attempt }) => attempt === 0 ? 'silent' : 'passes');
  const userId = somebody();
  const { stats } = await client({ url: line.url, timeoutMs: 1000 }).recordGeneration({ userId });
  line.close();
  assert.equal(stats.tokenBalance, 4997);
  // On a busy machine more of them may have taken too long.
  assert.ok(line.keys.length >= 2);
  assert.equal(new Set(line.keys).size, 1);
  assert.equal((await debitsOf(userId)).length, 1);
});

test('one that stays silent is a timeout, after as many attempts as there may be, and one debit', async () => {
  const line = await Line.to(url, () => 'silent');
  const userId = somebody();
  let attempts = 0;
  const counted: typeof fetch = (input, init) => {
    attempts += 1;
    return fetch(input, init);
  };
  const error = await failure(client({ url: line.url, retries: 2, fetch: counted }).recordGeneration({ userId }, { timeoutMs: 500 }));
  assert.ok(error instanceof JetonUnreachable, inspect(error));
  assert.equal(error.code, 'timeout');
  assert.match(error.message, /POST \/api\/generations: .* 500 ms/);
  assert.equal(attempts, 3);
  // They have been given up: nothing is left open.
  await line.until(() => line.closed === line.keys.length);
  line.close();
  // What was sent gets there, and is made once, in its own time.
  while ((await debitsOf(userId)).length === 0);
  assert.equal((await debitsOf(userId)).length, 1);
});

test('an answer that stays away in its middle is a timeout', async () => {
  const answers = await Answers.by(response => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"memberId":');
  });
  const error = await failure(new Jeton({ url: answers.url, retries: 0, timeoutMs: 200 }).getStats());
  assert.ok(error instanceof JetonUnreachable && error.code === 'timeout', inspect(error));
  answers.close();
});

test('a line that always breaks is unreachable, after as many attempts as there may be', async context => {
  const asked = pauses(context);
  for (const [retries, attempts] of [[0, 1], [1, 2], [undefined, 4]] as const) {
    asked.length = 0;
    const line = await Line.to(url, () => 'unanswered');
    const error = await failure(client({ url: line.url, retries }).recordGeneration({ userId: somebody() }));
    assert.ok(error instanceof JetonUnreachable && error.code === 'unreachable', inspect(error));
    assert.equal(line.keys.length, attempts);
    assert.equal(asked.length, attempts - 1);
    line.close();
  }
});

test('pauses grow, differ, and have an end', async context => {
  const asked = pauses(context);
  const answers = await Answers.by(response => refuse(response, 503, 'store_unavailable'));
  const error = await failure(new Jeton({ url: answers.url, retries: 8 }).getStats());
  assert.ok(isProblem(error, 'store_unavailable'));
  assert.equal(answers.requests.length, 9);
  const longest = [250, 500, 1000, 2000, 4000, 8000, 8000, 8000];
  assert.equal(asked.length, longest.length);
  for (const [at, ms] of asked.entries()) assert.ok(ms >= (longest[at] ?? 0) / 2 && ms <= (longest[at] ?? 0), inspect(asked));
  assert.notEqual(asked[6], asked[7]);
  answers.close();
});

test('what the server asks to wait is waited, and told where it is too long', async context => {
  const asked = pauses(context);
  const soon = new Date(Date.now() + 30_000).toUTCString();
  for (const [retryAfter, least] of [['2', 2_000], [soon, 20_000], ['0', 0], ['now', 0]] as const) {
    asked.length = 0;
    const answers = await Answers.by((response, _, attempt) => {
      if (attempt === 1) return refuse(response, 429, 'rate_limited', { 'retry-after': retryAfter });
      response.setHeader('content-type', 'application/json').end('{}');
    });
    await new Jeton({ url: answers.url }).getStats();
      assert.equal(asked.length, 1);
    assert.ok((asked[0] ?? 0) >= least && (asked[0] ?? 0) <= least + 10_250, inspect(asked));
    answers.close();
  }
  const answers = await Answers.by(response => refuse(response, 503, 'store_unavailable', { 'retry-after': '120' }));
  const error = await failure(new Jeton({ url: answers.url }).getStats());
  assert.ok(isProblem(error, 'store_unavailable'));
  assert.equal(error.retryAfterMs, 120_000);
  assert.equal(answers.requests.length, 1);
  answers.close();
});

test('a proxy between that fails is asked again, too, as long as it asks for', async context => {
  const asked = pauses(context);
  const answers = await Answers.by(response => response.writeHead(502, { 'retry-after': '3' }).end('<html>'));
  const error = await failure(new Jeton({ url: answers.url, retries: 1 }).recordGeneration({ userId: somebody() }));
  assert.ok(error instanceof JetonUnexpected);
  assert.equal(error.status, 502);
  assert.ok((asked[0] ?? 0) >= 3000);
  assert.equal(new Set(answers.requests.map(({ headers }) => headers['idempotency-key'])).size, 1);
  assert.equal(answers.requests.length, 2);
  answers.close();
});

test('what another attempt cannot help is asked once', async () => {
  const line = await Line.to(url);
  const jeton = client({ url: line.url });
  const userId = somebody();
  assert.ok(isProblem(await failure(jeton.recordGeneration({ userId, tokenCost: 9000 })), 'insufficient_tokens'));
  assert.ok(isProblem(await failure(jeton.addTokens({ userId, amount: 0 })), 'invalid_field'));
  assert.ok(isProblem(await failure(jeton.getReservation({ userId, reservationId: 'res_none' })), 'reservation_not_found'));
  assert.equal(line.keys.length, 3);
  line.close();
});

test('an abort ends a call at once with its reason, and is not tried again', async () => {
  const line = await Line.to(url, () => 'silent');
  const jeton = client({ url: line.url });
  const userId = somebody();
  const abort = new AbortController();
  const call = failure(jeton.recordGeneration({ userId }, { signal: abort.signal }));
  await line.until(() => line.keys.length === 1);
  abort.abort();
  const error = await call;
  assert.equal(error, abort.signal.reason);
  assert.ok(error instanceof DOMException && error.name === 'AbortError');

  // Before anything is sent.
  const reason = new Error('nobody waits for it');
  assert.equal(await failure(jeton.getStats({ userId }, { signal: AbortSignal.abort(reason) })), reason);
  assert.equal(line.keys.length, 1);
  line.close();
});

test('an abort ends a pause, too', async () => {
  const abort = new AbortController();
  const answers = await Answers.by(response => {
    response.on('finish', () => setImmediate(() => abort.abort()));
    refuse(response, 503, 'store_unavailable', { 'retry-after': '59' });
  });
  const error = await failure(new Jeton({ url: answers.url }).getStats({}, { signal: abort.signal }));
  assert.equal(error, abort.signal.reason);
  assert.equal(answers.requests.length, 1);
  answers.close();
});

test('an abort after the end is nothing', async () => {
  const abort = new AbortController();
  await client().getStats({ userId: somebody() }, { signal: abort.signal });
  abort.abort();
});
