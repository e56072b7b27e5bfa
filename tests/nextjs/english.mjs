// The example in English, on a small screen; and a change of language.

import assert from 'node:assert/strict';
import { scenario, until } from './application.mjs';

await scenario(async open => {
  const tab = await open({ locale: 'en-GB', timezoneId: 'America/New_York', viewport: { width: 360, height: 740 }, colorScheme: 'dark', expected: /ERR_FAILED|Failed to fetch/ });
  assert.equal(await tab.at('html').getAttribute('lang'), 'en');
  await tab.signIn('paul');
  await tab.shows(5000, 'Account opening', 5000);
  assert.match(await tab.generate('article'), /^Speciality coffee in Lyon: where to begin\?/);
  // The text may be there before it is paid for.
  await until('the article is paid for', async () => (await tab.newest())[0], 'Article generation');
  const [, amount] = await tab.newest();
  await tab.generate('product');
  await tab.shows(5000 + amount - 2, 'Product description generation', -2);
  assert.equal(await tab.at('.numbers output').innerText(), (4998 + amount).toLocaleString('en'));
  await tab.picture('small-dark');
  await tab.at('#product-name').fill('x'.repeat(200));
  await tab.generate('product');
  await tab.at('#product .text').filter({ hasText: 'xxx' }).waitFor();
  assert.equal(await tab.page.evaluate(() => document.documentElement.scrollWidth), 360, 'nothing is wider than the screen');

  // A purchase whose answer was lost is made once, whatever is tried after it: another pack, another language, the page anew.
  const balance = 4996 + amount + 100 + 500;
  await tab.withoutAnswers(async () => {
    for (const [pack, now] of [['100', balance - 500], ['500', balance]]) {
      await tab.press('.packs label', { text: new RegExp(`^${pack} `) });
      await tab.press('#checkout button.main');
      await tab.shows(now, `Purchase of ${pack} tokens`, Number(pack));
      await tab.at('#checkout .refusal[data-code="no_answer"]').waitFor();
      await tab.at('#checkout button.main[aria-disabled="false"]').waitFor();
      assert.ok(await tab.at('.packs label').filter({ hasText: new RegExp(`^${pack} `) }).locator('input').isChecked());
    }
  });

  await tab.withoutAnswers(async () => {
    await tab.press('header button', { text: 'Français' });
    await until('the page notes it', () => tab.said.some(line => line.includes('Failed to fetch')), true);
  });
  await tab.shows(balance, 'Purchase of 500 tokens', 500);
  await tab.press('header button', { text: 'Français' });
  await tab.at('html[lang="fr"]').waitFor();
  assert.equal(await tab.at('#history').innerText(), 'Historique');
  assert.match(await tab.at('.numbers output').innerText(), /^5\s\d{3}$/);
  // What was generated stays, and what is in the history stays as it was written.
  assert.match(await tab.at('#article .text').innerText(), /where to begin/);
  await tab.shows(balance, 'Purchase of 500 tokens', 500);
  await tab.page.reload();
  assert.equal(await tab.at('html').getAttribute('lang'), 'fr');
  await tab.is('live');
  await tab.press('.packs label', { text: /^500 / });
  await tab.press('#checkout button.main');
  await tab.at('#checkout [role="status"]').filter({ hasText: /Merci.*500/ }).waitFor();
  await tab.shows(balance, 'Purchase of 500 tokens', 500);
  await tab.generate('product');
  await tab.shows(balance - 2, 'Génération description produit', -2);
});
