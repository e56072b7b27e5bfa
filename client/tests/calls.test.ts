import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Jeton } from 'jeton';

test('a debit', async () => {
  const jeton = new Jeton({ url: process.env.JETON_URL ?? '', key: process.env.JETON_API_KEY });
  const { stats, transaction } = await jeton.recordGeneration({ userId: 'alice' });
  assert.equal(transaction.balance, stats.tokenBalance);
});
