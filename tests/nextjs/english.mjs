// The example in English, on a small screen; and a change of language.

import assert from 'node:assert/strict';
import { scenario } from './application.mjs';

await scenario(async open => {
  const tab = await open({ locale: 'en-GB', timezoneId: 'America/New_York', viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  assert.equal(await tab.at('html').getAttribute('lang'), 'en');
  await tab.signIn('paul');
  await tab.shows(5000, 'Account opening', 5000);
  assert.match(await tab.generate('article'), /^Speciality coffee in Lyon: where to begin\?/);
  const [description, amount] = await tab.newest();
  assert.equal(description, 'Article generation');
  await tab.generate('product');
  await tab.shows(5000 + amount - 2, 'Product description generation', -2);
  assert.equal(await tab.at('.numbers output').innerText(), (4998 + amount).toLocaleString('en'));
  await tab.picture('small-dark');
  await tab.at('#product-name').fill('x'.repeat(200));
  await tab.generate('product');
  await tab.at('#product .text').filter({ hasText: 'xxx' }).waitFor();
  assert.equal(await tab.page.evaluate(() => document.documentElement.scrollWidth), 360, 'nothing is wider than the screen');

  await tab.press('header button', { text: 'Français' });
  await tab.at('html[lang="fr"]').waitFor();
  assert.equal(await tab.at('#history').innerText(), 'Historique');
  assert.match(await tab.at('.numbers output').innerText(), /^4\s\d{3}$/);
  // What was generated stays, and what is in the history stays as it was written.
  assert.match(await tab.at('#article .text').innerText(), /where to begin/);
  await tab.shows(4996 + amount, 'Product description generation', -2);
  await tab.page.reload();
  assert.equal(await tab.at('html').getAttribute('lang'), 'fr');
  await tab.is('live');
  await tab.generate('product');
  await tab.shows(4994 + amount, 'Génération description produit', -2);
});
