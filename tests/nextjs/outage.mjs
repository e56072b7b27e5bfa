// Jeton goes away, and comes back: the test does that, as it is asked to.

import assert from 'node:assert/strict';
import { jeton, say, scenario, until } from './application.mjs';

/** What browsers and the application say of a server that is not there. */
const expected = /ERR_(CONNECTION_RE(FUSED|SET)|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)|503/;

await scenario(async open => {
  const tab = await open({ expected });
  await tab.signIn('lucie');
  await jeton('POST', 'generations', { userId: 'lucie', tokenCost: 7 });
  await tab.shows(4993, 'Génération article', -7);
  // The debit has it read: what is under way when Jeton goes would be told to the console.
  await until('the chart', async () => parseInt(await tab.at('.chart svg').getAttribute('aria-label'), 10), 7);
  say('stop it');
  await tab.is('lost');
  assert.match(await tab.at('.connection').innerText(), /derniers connus/);
  await tab.shows(4993, 'Génération article', -7);
  for (const form of ['article', 'product']) {
    await tab.press(`#${form} button.main`);
    await tab.at(`#${form} .refusal`).waitFor();
  }
  // Who comes only now is told, too.
  const late = await open({ beside: tab, expected });
  await late.is('lost');
  say('start it');
  await tab.is('live');
  await late.is('live');
  await jeton('POST', 'generations', { userId: 'lucie', tokenCost: 8 });
  await tab.shows(4985, 'Génération article', -8);
  await late.shows(4985, 'Génération article', -8);
  await tab.generate('product');
  await late.shows(4983, 'Génération description produit', -2);
});
