// Offline and back: nothing is missing, and meanwhile nobody takes an old number for the present one.

import assert from 'node:assert/strict';
import { debit, scenario } from './browser.mjs';
import { Line } from './line.mjs';

const [url] = process.argv.slice(2);
const AWAY = 12;

/** Debits that the window does not see, one by one. */
async function debitMeanwhile(window) {
  const shown = await window.text('balance');
  for (let at = 0; at < AWAY; at += 1) await debit(url, at + 1);
  assert.equal(await window.text('balance'), shown);
  assert.match(await window.text('connection'), /^Connexion perdue : ces chiffres datent du .*\d\d:\d\d:\d\d, nouvel essai/);
  assert.equal(await window.page.locator('#spend').isDisabled(), true);
}

await scenario(async open => {
  const line = await Line.to(url);
  const expected = /ERR_(CONNECTION_RE(FUSED|SET)|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|INTERNET_DISCONNECTED)/;
  const window = await open(url, { by: line.url, expected });
  await window.listenIn();
  await window.showsAccount();

  // The line breaks, and comes back.
  line.cut();
  await window.is('lost');
  await debitMeanwhile(window);
  await line.mend();
  const { transactions } = await window.showsAccount();
  // All of them came over the stream, each once, in order.
  assert.equal(window.told.length, AWAY);
  assert.deepEqual(window.told.slice(2), transactions.map(({ id }) => id).reverse());

  // The browser itself is offline.
  const { page } = window;
  await page.context().setOffline(true);
  await window.is('lost');
  await debitMeanwhile(window);
  await page.context().setOffline(false);
  await window.showsAccount();
});
