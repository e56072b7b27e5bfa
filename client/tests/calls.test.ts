/** Each method once, and what it promises: the types are those of the OpenAPI document, and what comes is what they say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Account, BillingRun, Health, Reservation, Result, Session, Stats, Transaction, TransactionPage, UsageReport } from 'jeton';
import { client, collected, setting, somebody } from './deployment.js';

const jeton = client();

test('getStats opens somebody new', async () => {
  const userId = somebody();
  const stats: Stats = await jeton.getStats({ userId });
  assert.equal(stats.memberId, userId);
  assert.equal(stats.tokenBalance, 5000);
  assert.deepEqual(stats.generations, { ARTICLE: 0, PRODUCT_DESCRIPTION: 0 });
});

test('recordGeneration debits, and says what it wrote', async () => {
  const userId = somebody();
  const result: Result & { transaction: Transaction } = await jeton.recordGeneration({
    userId, contentType: 'PRODUCT_DESCRIPTION', tokenCost: 7, description: 'A lamp', metadata: { productId: 'sku-42', nested: { is: [1, null] } },
  });
  assert.equal(result.success, true);
  assert.equal(result.stats.tokenBalance, 4993);
  assert.deepEqual(result.transaction.metadata, { productId: 'sku-42', nested: { is: [1, null] } });
  assert.equal(result.transaction.description, 'A lamp');
});

test('addTokens credits, until a Date', async () => {
  const userId = somebody();
  const expiresAt = new Date('2099-12-31T23:00:00.000Z');
  const { stats, transaction } = await jeton.addTokens({ userId, amount: 100, source: 'promotion', priority: 5, expiresAt });
  assert.equal(stats.tokenBalance, 5100);
  assert.equal(transaction.expiresAt, expiresAt.toISOString());
  assert.equal(stats.grants[0]?.source, 'promotion');
});

test('refund gives a debit back', async () => {
  const userId = somebody();
  const debit = await jeton.recordGeneration({ userId });
  const { stats, transaction } = await jeton.refund({ userId, transactionId: debit.transaction.id, description: 'Sorry' });
  assert.equal(stats.tokenBalance, 5000);
  assert.equal(transaction.refundOf, debit.transaction.id);
});

test('reset begins anew', async () => {
  const userId = somebody();
  await jeton.recordGeneration({ userId });
  assert.equal((await jeton.reset({ userId })).stats.tokenBalance, 5000);
});

test('a reservation is made, read, extended, captured in parts and released', async () => {
  const userId = somebody();
  const { reservation, stats } = await jeton.reserve({ userId, amount: 50, contentType: 'ARTICLE', ttlSeconds: 60 });
  assert.equal(stats.tokensReserved, 50);
  const reservationId = reservation.id;
  const read: Reservation = (await jeton.getReservation({ userId, reservationId })).reservation;
  assert.deepEqual(read, reservation);
  const extended = await jeton.extend({ userId, reservationId, ttlSeconds: 600 });
  assert.ok(extended.reservation.expiresAt > reservation.expiresAt);
  const part = await jeton.capture({ userId, reservationId, amount: 20, final: false });
  assert.equal(part.reservation.remaining, 30);
  assert.equal(part.transaction?.amount, 20);
  const last = await jeton.capture({ userId, reservationId, amount: 5 });
  assert.equal(last.reservation.status, 'captured');
  assert.equal(last.stats.tokenBalance, 4975);
  const other = await jeton.reserve({ userId, amount: 5 });
  const released = await jeton.release({ userId, reservationId: other.reservation.id });
  assert.equal(released.reservation.status, 'released');
  assert.equal(released.stats.tokensReserved, 0);
});

test('listTransactions gives pages, by filters', async () => {
  const userId = somebody();
  await jeton.recordGeneration({ userId });
  await jeton.addTokens({ userId, amount: 1 });
  const page: TransactionPage = await jeton.listTransactions({ userId, limit: 2 });
  assert.deepEqual(page.transactions.map(({ amount }) => amount), [1, 3]);
  const cursor = page.nextCursor;
  assert.ok(cursor !== null);
  const next = await jeton.listTransactions({ userId, limit: 2, cursor });
  assert.deepEqual(next.transactions.map(({ amount }) => amount), [5000]);
  assert.equal(next.nextCursor, null);
  const debits = await jeton.listTransactions({ userId, type: 'DEBIT', contentType: 'ARTICLE', from: new Date(0), to: '2099-01-01T00:00:00+01:00', order: 'asc' });
  assert.deepEqual(debits.transactions.map(({ amount }) => amount), [3]);
});

test('getUsage counts by bucket', async () => {
  const userId = somebody();
  await jeton.recordGeneration({ userId });
  const { buckets }: UsageReport = await jeton.getUsage({ userId, granularity: 'month', timezone: 'Europe/Paris' });
  assert.deepEqual(buckets.at(-1)?.byContentType, { ARTICLE: { tokens: 3, generations: 1 } });
});

test('createSession gives a token that reads its user alone', async () => {
  const userId = somebody();
  await jeton.recordGeneration({ userId });
  const session: Session = await jeton.createSession({ userId, ttlSeconds: 60 });
  const browser = client({ key: undefined, session: session.token });
  assert.equal((await browser.getStats()).memberId, userId);
  assert.equal((await browser.listTransactions()).transactions.length, 2);
  assert.equal((await collected(browser.transactions())).length, 2);
  assert.ok((await browser.getUsage()).buckets.length > 0);
});

test('accounts are listed, walked through, and changed', async () => {
  const prefix = `walk-${somebody()}`;
  for (const n of [1, 2, 3]) await jeton.getStats({ userId: `${prefix}-${n}` });
  const page = await jeton.listAccounts({ query: prefix, limit: 2 });
  assert.equal(page.accounts.length, 2);
  assert.equal(page.nextCursor, `${prefix}-2`);
  const all: Account[] = await collected(jeton.accounts({ query: prefix, limit: 2 }));
  assert.deepEqual(all.map(({ userId }) => userId), [1, 2, 3].map(n => `${prefix}-${n}`));
  const { stats } = await jeton.updateAccount({ userId: `${prefix}-1`, caps: { daily: 10, monthly: null }, effective: 'now' });
  assert.equal(stats.caps?.daily?.limit, 10);
});

test('runBilling takes the key of the cron', async () => {
  const run: BillingRun = await client({ key: setting('CRON_SECRET') }).runBilling();
  assert.equal(run.failed, 0);
});

test('getHealth asks the store, without a key', async () => {
  const health: Health = await client({ key: undefined }).getHealth();
  assert.equal(health.status, 'ok');
});

test('a language holds for the message and for what is written', async () => {
  const userId = somebody();
  const english = client({ language: 'en' });
  assert.match((await english.recordGeneration({ userId })).message, /New balance/);
  const { message, transaction } = await english.recordGeneration({ userId }, { language: 'fr' });
  assert.match(message, /Nouveau solde/);
  assert.equal(transaction.description, 'Génération article');
});

test('a test clock brings what falls due', async () => {
  const userId = somebody();
  const { nextBillingDate } = await jeton.getStats({ userId });
  const { stats } = await jeton.recordGeneration({ userId }, { clock: new Date(nextBillingDate) });
  assert.equal(stats.tokenBalance, 5297);
});

test('the caller\'s key is the one that counts', async () => {
  const userId = somebody();
  const once = { idempotencyKey: 'article-7f3a' };
  const first = await jeton.recordGeneration({ userId }, once);
  assert.deepEqual(await jeton.recordGeneration({ userId }, once), first);
  assert.equal((await jeton.recordGeneration({ userId })).stats.tokenBalance, 4994);
});

test('a deployment below a path is found there', async () => {
  const asked: string[] = [];
  const fetched: typeof fetch = async input => {
    asked.push(String(input));
    return fetch(String(input).replace('/ledger/', '/'));
  };
  await client({ key: undefined, url: `${setting('JETON_URL')}/ledger/`, fetch: fetched }).getHealth();
  assert.deepEqual(asked, [`${setting('JETON_URL')}/ledger/api/health`]);
});

test('a call may take for ever', async () => {
  for (const timeoutMs of [Infinity, 2 ** 31]) {
    const slow: typeof fetch = async (...request) => {
      const response = await fetch(...request);
      // Longer than a timer that takes no such time, whose end would come first.
      await new Promise(resolve => setTimeout(resolve, 20));
      return response;
    };
    const { status } = await client({ timeoutMs, retries: 0, fetch: slow }).getHealth();
    assert.equal(status, 'ok');
  }
});
