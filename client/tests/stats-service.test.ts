/** The functions of the old module: the examples of its documentation, of which only the import changed, and what they promised beside. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { inspect } from 'node:util';
import { isProblem, JetonError } from 'jeton';
import {
  addTokens, getTransactionHistory, getUserStats, recordArticleGeneration, recordGeneration, recordProductDescriptionGeneration, resetStats,
} from 'jeton/stats-service';
import type { Stats, StatsResult } from 'jeton/stats-service';
import { client, failure, historyOf, setting, somebody, spender } from './deployment.js';

/** Runs an example of the old documentation, and gives what it says. Each is a module, which runs once. */
async function example(context: TestContext, name: string): Promise<unknown[]> {
  const said: unknown[] = [];
  for (const way of ['log', 'error'] as const) context.mock.method(console, way, (text: unknown) => said.push(`${way}: ${text}`));
  await import(new URL(`./examples/${name}`, import.meta.url).href);
  context.mock.restoreAll();
  return said;
}

/** An account without what changes by time alone. */
function still({ forecast, ...stats }: Stats): object {
  return { ...stats, next: forecast.next };
}

test('the examples of the old documentation do what they say', async context => {
  const user = 'user-id';
  assert.deepEqual(await example(context, 'stats.js'), ['log: Solde de tokens: 5000']);
  assert.deepEqual(await example(context, 'generation.js'), ['log: Nouveau solde: 4997']);
  assert.deepEqual(await example(context, 'credit.js'), []);
  const history = (await historyOf(user)).map(({ type, amount, description }) => [type, amount, description]);
  assert.deepEqual(history, [
    ['CREDIT', 5000, 'Initialisation du compte'], ['DEBIT', 3, 'Génération article'], ['CREDIT', 1000, 'Recharge mensuelle'],
  ]);
  assert.deepEqual(await example(context, 'reset.js'), []);
  assert.equal((await getUserStats(user)).tokenBalance, 5000);
  assert.equal((await historyOf(user)).length, 1);
});

test('the example says why it was refused', async context => {
  await addTokens('user-id', 1);
  await recordArticleGeneration('user-id', 5000);
  // The same module runs anew under another address.
  assert.deepEqual(await example(context, 'generation.js?again'), ['error: Solde insuffisant : 3 tokens nécessaires, 1 disponible.']);
});

test('results are success, message and stats, as they were', async () => {
  const userId = somebody();
  const { stats: fields } = await recordArticleGeneration(userId);
  for (const field of ['memberId', 'tokenBalance', 'tokensUsed', 'articlesGenerated', 'productDescriptionsGenerated', 'totalGenerations',
    'nextBillingDate', 'lastBillingDate', 'lastUpdated', 'createdAt']) assert.ok(field in fields, field);
  const rows: [call: () => Promise<StatsResult>, message: string, balance: number][] = [
    [() => recordArticleGeneration(userId), '3 tokens débités. Nouveau solde : 4994.', 4994],
    [() => recordArticleGeneration(userId, 4), '4 tokens débités. Nouveau solde : 4990.', 4990],
    [() => recordProductDescriptionGeneration(userId), '2 tokens débités. Nouveau solde : 4988.', 4988],
    [() => recordProductDescriptionGeneration(userId, 8), '8 tokens débités. Nouveau solde : 4980.', 4980],
    [() => recordGeneration(userId, 'ARTICLE'), '3 tokens débités. Nouveau solde : 4977.', 4977],
    [() => recordGeneration(userId, 'PRODUCT_DESCRIPTION', 7, 'Une lampe'), '7 tokens débités. Nouveau solde : 4970.', 4970],
    [() => addTokens(userId, 30), '30 tokens ajoutés. Nouveau solde : 5000.', 5000],
    [() => addTokens(userId, 10, 'Cadeau'), '10 tokens ajoutés. Nouveau solde : 5010.', 5010],
  ];
  for (const [call, message, balance] of rows) {
    const result = await call();
    assert.deepEqual(Object.keys(result), ['success', 'message', 'stats']);
    assert.deepEqual([result.success, result.message], [true, message]);
    assert.deepEqual(still(result.stats), still(await getUserStats(userId)));
    assert.equal(result.stats.tokenBalance, balance);
  }
  const descriptions = (await getTransactionHistory(userId)).map(({ description, contentType }) => [description, contentType]);
  assert.deepEqual(descriptions, [
    ['Cadeau', undefined], ['Achat de tokens', undefined], ['Une lampe', 'PRODUCT_DESCRIPTION'], ['Génération article', 'ARTICLE'],
    ['Génération description produit', 'PRODUCT_DESCRIPTION'], ['Génération description produit', 'PRODUCT_DESCRIPTION'],
    ['Génération article', 'ARTICLE'], ['Génération article', 'ARTICLE'], ['Génération article', 'ARTICLE'], ['Initialisation du compte', undefined],
  ]);
  const reset = await resetStats(userId);
  assert.deepEqual(Object.keys(reset), ['success', 'message', 'stats']);
  assert.deepEqual(reset.stats, await getUserStats(userId));
  assert.equal(reset.stats.memberId, userId);
});

test('what a rule refuses is no exception, changes nothing, and brings the account', async () => {
  const userId = somebody();
  await client().updateAccount({ userId, caps: { daily: 4_000 } });
  const stats = await getUserStats(userId);
  const rows: [what: string, call: () => Promise<StatsResult>, message: RegExp][] = [
    ['402', () => recordArticleGeneration(userId, 6_000), /^Solde insuffisant : 6000 tokens nécessaires, 5000 disponibles\.$/],
    ['409', () => recordArticleGeneration(userId, 4_500), /4000 tokens/],
    ['422', () => addTokens(userId, Number.MAX_SAFE_INTEGER), /9007199254740991/],
  ];
  for (const [what, call, message] of rows) {
    const result = await call();
    assert.equal(result.success, false, what);
    assert.match(result.message, message);
    assert.deepEqual(still(result.stats), still(stats), what);
  }
  assert.equal((await historyOf(userId)).length, 1);
});

test('what no rule refuses is an exception: a call that is wrong', async () => {
  assert.ok(isProblem(await failure(addTokens(somebody(), -5)), 'invalid_field'));
  assert.ok(isProblem(await failure(getUserStats('')), 'invalid_field'));
});

test('the history is the newest entries, as many as are asked for', async () => {
  const userId = await spender(1_005);
  const all = (await historyOf(userId)).reverse();
  assert.deepEqual(await getTransactionHistory(userId), all.slice(0, 50));
  assert.deepEqual(await getTransactionHistory(userId, 3), all.slice(0, 3));
  // More than a page of the server's holds.
  assert.deepEqual(await getTransactionHistory(userId, 1_003), all.slice(0, 1_003));
  assert.deepEqual(await getTransactionHistory(userId, 5_000), all);
});

test('a setting that is missing is named, with an example', async () => {
  for (const [name, example] of [['JETON_URL', 'https://tokens.example'], ['JETON_API_KEY', 's3cr3t']] as const) {
    const value = setting(name);
    delete process.env[name];
    // A module of its own, which has not looked yet.
    const fresh = await import(`${import.meta.resolve('jeton/stats-service')}?without=${name}`);
    const error = await failure(fresh.getUserStats('user-id'));
    assert.ok(error instanceof JetonError && error.code === 'setting_missing', inspect(error));
    assert.match(error.message, new RegExp(`^${name} is not set: .*${example}`));
    process.env[name] = value;
    // It looks again at the next call.
    assert.equal((await fresh.getUserStats('user-id')).memberId, 'user-id');
  }
});

test('who is not said is nobody, and not the user that a development has', async () => {
  const forgotten: unknown[] = [undefined, null, Promise.resolve('alice')];
  for (const userId of forgotten as string[]) {
    const calls = [
      () => getUserStats(userId), () => recordArticleGeneration(userId), () => recordProductDescriptionGeneration(userId),
      () => recordGeneration(userId, 'ARTICLE'), () => addTokens(userId, 1), () => resetStats(userId), () => getTransactionHistory(userId),
      () => getTransactionHistory(userId, 2_000),
    ];
    for (const call of calls) {
      const error = await failure(call());
      assert.ok(error instanceof JetonError && error.code === 'invalid_argument', inspect(error));
      assert.match(error.message, /`userId`/);
    }
  }
});
