// Two windows show each change, whoever makes it.

import assert from 'node:assert/strict';
import { debit, post, scenario } from './browser.mjs';

const [url] = process.argv.slice(2);

await scenario(async open => {
  const first = await open(url, { expected: /402 \(Payment Required\)/ });
  const second = await open(url, { locale: 'en-GB' });
  const both = async () => {
    await first.showsAccount();
    return second.showsAccount();
  };
  assert.equal((await both()).stats.tokenBalance, 5000);
  assert.deepEqual([await first.text('connection'), await second.text('connection')], ['En direct', 'Live']);

  await post(url, 'generations', { tokenCost: 1234, description: '<b>Un essai</b>' });
  assert.equal((await both()).stats.tokenBalance, 3766);
  assert.match(await first.text('balance'), /^3\s766$/);
  assert.equal(await second.text('balance'), '3,766');
  assert.match(await first.text('transactions'), /<b>Un essai<\/b>\s+−1\s234\s+3\s766/, 'texts are shown as texts');
  await second.page.locator('#news', { hasText: 'Token balance 3,766' }).waitFor({ state: 'attached' });

  await post(url, 'tokens', { amount: 1000, description: 'Recharge' });
  assert.equal((await both()).stats.tokenBalance, 4766);

  await second.press('spend');
  await second.page.locator('#answer[data-outcome="done"]').waitFor();
  assert.equal(await second.text('answer'), '3 tokens debited. New balance: 4763.');
  assert.equal((await both()).stats.tokenBalance, 4763);

  await second.press('language');
  assert.equal(await second.text('connection'), 'En direct');
  assert.match(await second.text('balance'), /^4\s763$/);

  // More than the page has room for, as fast as they go.
  await Promise.all(Array.from({ length: 30 }, (_, at) => debit(url, at + 1)));
  assert.equal((await both()).transactions.length, 10);

  // The history begins anew.
  await post(url, 'reset', {});
  const { stats, transactions } = await both();
  assert.deepEqual([stats.tokenBalance, transactions.length], [5000, 1]);
  await debit(url, 4990);
  await both();

  // A refusal is told, and changes nothing.
  await debit(url, 8);
  await both();
  await first.press('spend');
  await first.page.locator('#answer[data-outcome="failed"]').waitFor();
  assert.match(await first.text('answer'), /3/);
  await both();

  // A third window, in the first one's context.
  await (await open(url, { beside: first })).showsAccount();
});
