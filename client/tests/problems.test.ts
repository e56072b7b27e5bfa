/** Refusals as errors: each code that a server can be brought to, by its own fields. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isProblem, Jeton, JetonError, JetonProblem, JetonUnexpected, JetonUnreachable } from 'jeton';
import type { Code, ProblemOf } from 'jeton';
import { Answers, refuse } from './answers.js';
import { client, failure, setting, somebody } from './deployment.js';

const jeton = client({ retries: 0 });

/** The refusal with this code that the call brings. */
async function refused<C extends Code>(code: C, call: Promise<unknown>): Promise<ProblemOf<C>> {
  const error = await failure(call);
  assert.ok(isProblem(error, code), inspect(error));
  assert.equal(error.name, 'JetonProblem');
  assert.equal(error.status, error.problem.status);
  assert.equal(error.message, error.problem.message);
  assert.equal(error.requestId, error.problem.requestId);
  assert.equal(error.problem.success, false);
  return error.problem;
}

/** A client whose requests are changed before they are sent. */
function changed(change: (init: RequestInit) => RequestInit): Jeton {
  return client({ retries: 0, fetch: (input, init) => fetch(input, change(init ?? {})) });
}

test('method_not_allowed', async () => {
  await refused('method_not_allowed', changed(init => ({ ...init, method: 'DELETE' })).getStats());
});

test('unauthenticated', async () => {
  await refused('unauthenticated', client({ key: 'another-secret' }).getStats({ userId: somebody() }));
  await refused('unauthenticated', client({ key: undefined }).getStats({ userId: somebody() }));
});

test('forbidden says the scope that it takes', async () => {
  const reader = client({ key: 'secret-that-reads' });
  assert.equal((await refused('forbidden', reader.recordGeneration({ userId: somebody() }))).requiredScope, 'spend');
  assert.equal((await refused('forbidden', jeton.runBilling())).requiredScope, 'cron');
});

test('body_too_large says the limit', async () => {
  const metadata = { long: 'x'.repeat(65_536) };
  assert.equal((await refused('body_too_large', jeton.recordGeneration({ userId: somebody(), metadata }))).limitBytes, 65_536);
});

test('unsupported_media_type', async () => {
  const plain = changed(init => ({ ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), 'content-type': 'text/plain' } }));
  await refused('unsupported_media_type', plain.recordGeneration({ userId: somebody() }));
});

test('invalid_json', async () => {
  await refused('invalid_json', changed(init => ({ ...init, body: '{' })).recordGeneration({ userId: somebody() }));
});

test('invalid_field says which and why', async () => {
  for (const tokenCost of [0, -1, 1.5, 2 ** 53, 1e21]) {
    const problem = await refused('invalid_field', jeton.recordGeneration({ userId: somebody(), tokenCost }));
    assert.equal(problem.field, 'tokenCost');
    assert.match(problem.reason, /number/);
  }
  assert.equal((await refused('invalid_field', jeton.getStats({ userId: 'ä' }))).field, 'userId');
  assert.equal((await refused('invalid_field', jeton.listTransactions({ userId: somebody(), limit: Number.NaN }))).field, 'limit');
});

test('idempotency_key_reused', async () => {
  const userId = somebody();
  const once = { idempotencyKey: 'once' };
  await jeton.recordGeneration({ userId }, once);
  await refused('idempotency_key_reused', jeton.recordGeneration({ userId, tokenCost: 4 }, once));
});

test('what is not there: reservation_not_found, transaction_not_found', async () => {
  const userId = somebody();
  await refused('reservation_not_found', jeton.getReservation({ userId, reservationId: 'res_none' }));
  await refused('transaction_not_found', jeton.refund({ userId, transactionId: '1-0' }));
});

test('what is closed: reservation_captured, reservation_released, reservation_expired', async () => {
  const userId = somebody();
  const reserved = async (): Promise<{ userId: string; reservationId: string }> => {
    const { reservation } = await jeton.reserve({ userId, amount: 5, ttlSeconds: 60 });
    return { userId, reservationId: reservation.id };
  };
  const [captured, released, expired] = [await reserved(), await reserved(), await reserved()];
  await jeton.capture(captured);
  await refused('reservation_captured', jeton.release(captured));
  await jeton.release(released);
  await refused('reservation_released', jeton.extend(released));
  const clock = new Date(Date.now() + 61_000);
  await refused('reservation_expired', jeton.capture(expired, { clock }));
});

test('what cannot be given back: already_refunded, not_refundable', async () => {
  const userId = somebody();
  const { transaction } = await jeton.recordGeneration({ userId });
  const credit = await jeton.refund({ userId, transactionId: transaction.id });
  await refused('already_refunded', jeton.refund({ userId, transactionId: transaction.id }));
  await refused('not_refundable', jeton.refund({ userId, transactionId: credit.transaction.id }));
});

test('insufficient_tokens says what is missing, and how the account is', async () => {
  const userId = somebody();
  const problem = await refused('insufficient_tokens', jeton.recordGeneration({ userId, tokenCost: 5001 }));
  assert.deepEqual([problem.required, problem.available, problem.stats.tokenBalance], [5001, 5000, 5000]);
});

test('spending_cap_reached says which, and until when', async () => {
  const userId = somebody();
  await jeton.updateAccount({ userId, caps: { daily: 2 } });
  const problem = await refused('spending_cap_reached', jeton.recordGeneration({ userId }));
  assert.deepEqual([problem.cap, problem.limit], ['daily', 2]);
  assert.match(problem.resetsAt, /T00:00:00.000Z$/);
});

test('balance_limit_exceeded', async () => {
  await refused('balance_limit_exceeded', jeton.addTokens({ userId: somebody(), amount: Number.MAX_SAFE_INTEGER }));
});

test('rate_limited may be tried again', async () => {
  const userId = somebody();
  await Promise.all(Array.from({ length: 100 }, () => jeton.reserve({ userId, amount: 1 })));
  const error = await failure(jeton.reserve({ userId, amount: 1 }));
  assert.ok(isProblem(error, 'rate_limited'));
  assert.equal(error.retriable, true);
  assert.equal(error.retryAfterMs, 1000);
});

test('only what the contract calls retriable is', async () => {
  const answers = await Answers.by((response, { url }) => {
    const [status, code] = (url ?? '').split('?userId=')[1]?.split('-') ?? [];
    refuse(response, Number(status), code ?? '');
  });
  const told = new Jeton({ url: answers.url, retries: 0 });
  const rows: [number, Code, boolean][] = [
    [401, 'unauthenticated', false], [402, 'insufficient_tokens', false], [409, 'spending_cap_reached', false],
    [422, 'balance_limit_exceeded', false], [429, 'rate_limited', true], [500, 'internal', true], [503, 'store_contended', true],
    [503, 'store_unavailable', true],
  ];
  for (const [status, code, retriable] of rows) {
    const error = await failure(told.getStats({ userId: `${status}-${code}` }));
    assert.ok(isProblem(error, code));
    assert.equal(error.retriable, retriable, code);
  }
  answers.close();
});

test('what is none of Jeton\'s answers is told apart', async () => {
  const rows: [string, (response: import('node:http').ServerResponse) => void, boolean, RegExp][] = [
    ['a page', response => response.end('<html>'), false, /\(200\) is no JSON/],
    ['a page that is not there', response => response.writeHead(404).end('<html>'), false, /\(404\) is none of Jeton's/],
    ['a proxy that gets nowhere', response => response.writeHead(502).end('<html>'), true, /\(502\)/],
    ['a redirect', response => response.writeHead(301, { location: 'https://tokens.example/api/stats' }).end(), false, /\(301\) is a redirect/],
    ['JSON that is none', response => response.setHeader('content-type', 'application/json').end('{"memberId":'), true, /is JSON that is none/],
    ['JSON that is no object', response => response.setHeader('content-type', 'application/json').end('null'), false, /\(200\) is no JSON object/],
    ['a problem of another\'s', response => response.writeHead(403, { 'content-type': 'application/problem+json' }).end('{}'), false, /\(403\)/],
    ['a problem that is none', response => response.writeHead(403, { 'content-type': 'application/problem+json' }).end('null'), false, /\(403\)/],
  ];
  for (const [what, answer, retriable, message] of rows) {
    const answers = await Answers.by(answer);
    const error = await failure(new Jeton({ url: answers.url, retries: 0 }).getStats());
    assert.ok(error instanceof JetonUnexpected, what);
    assert.equal(error.code, 'unexpected');
    assert.equal(error.retriable, retriable, what);
    assert.match(error.message, message);
    answers.close();
  }
});

test('nobody there is unreachable, with the cause', async () => {
  const answers = await Answers.by(response => response.end());
  const { url } = answers;
  answers.close();
  const error = await failure(new Jeton({ url, retries: 0 }).getStats());
  assert.ok(error instanceof JetonUnreachable);
  assert.equal(error.code, 'unreachable');
  assert.match(inspect(error.cause), /ECONNREFUSED/);
});

test('what cannot be sent is refused before anything is', async () => {
  const nobody = new Jeton({ url: 'http://127.0.0.1:1', fetch: async () => assert.fail('it was sent') });
  const userId = somebody();
  const calls: [RegExp, () => Promise<unknown>][] = [
    [/`amount` is NaN/, () => nobody.addTokens({ userId, amount: Number.NaN })],
    [/`deep` is Infinity/, () => nobody.recordGeneration({ userId, metadata: { in: [{ deep: Infinity }] } })],
    [/`from` is a Date that is none/, () => nobody.getUsage({ userId, from: new Date('tomorrow') })],
    [/`expiresAt` is a Date that is none/, () => nobody.addTokens({ userId, amount: 1, expiresAt: new Date('tomorrow') })],
    [/`clock` is a Date that is none/, () => nobody.getStats({ userId }, { clock: new Date('tomorrow') })],
    [/`cursor` is null/, () => nobody.listTransactions({ userId, cursor: null as unknown as string })],
    [/idempotency key/, () => nobody.recordGeneration({ userId }, { idempotencyKey: '' })],
    [/idempotency key/, () => nobody.recordGeneration({ userId }, { idempotencyKey: 'clé' })],
    [/idempotency key/, () => nobody.recordGeneration({ userId }, { idempotencyKey: 'x'.repeat(256) })],
  ];
  for (const [message, call] of calls) {
    const error = await failure(call());
    assert.ok(error instanceof JetonError, inspect(error));
    assert.equal(error.code, 'invalid_argument');
    assert.match(error.message, message);
  }
});

test('a client that cannot work is refused, and its secrets are not told', () => {
  const secret = 'do-not-tell';
  const rows: [RegExp, ConstructorParameters<typeof Jeton>[0]][] = [
    [/`url` of Jeton is none/, { url: `${secret} is no address` }],
    [/begins with neither/, { url: `ftp://${secret}.example` }],
    [/a user or a password/, { url: `https://me:${secret}@tokens.example` }],
    [/a query or a fragment/, { url: `https://tokens.example/?key=${secret}` }],
    [/`key` of Jeton is empty/, { url: 'https://tokens.example', key: `${secret}\n` }],
    [/`key` of Jeton is empty/, { url: 'https://tokens.example', key: '' }],
    [/`session` of Jeton is empty/, { url: 'https://tokens.example', session: `${secret}\u20ac` }],
    [/and not both/, { url: 'https://tokens.example', key: secret, session: secret }],
  ];
  for (const [message, options] of rows) {
    assert.throws(() => new Jeton(options), (error: unknown) => {
      assert.ok(error instanceof JetonError);
      assert.equal(error.code, 'invalid_argument');
      assert.match(error.message, message);
      assert.ok(!inspect(error, { showHidden: true, depth: Infinity }).includes(secret), inspect(error));
      return true;
    });
  }
});

test('no key is shown, by the client or by its errors', async () => {
  const key = setting('JETON_API_KEY');
  const failures = [
    await failure(jeton.recordGeneration({ userId: somebody(), tokenCost: 9000 })),
    await failure(client({ url: 'http://127.0.0.1:1', retries: 0 }).getStats()),
  ];
  for (const value of [jeton, ...failures]) {
    assert.ok(!inspect(value, { showHidden: true, depth: Infinity }).includes(key));
    assert.ok(!JSON.stringify(value).includes(key));
  }
});

test('errors are told apart by their classes, too', async () => {
  const error = await failure(jeton.getStats({ userId: 'ä' }));
  assert.ok(error instanceof JetonProblem && error instanceof JetonError && error instanceof Error);
  assert.ok(!isProblem(error, 'internal'));
  assert.ok(!isProblem(new Error('another'), 'internal'));
  assert.ok(!isProblem(undefined));
});
