// What a user does with the example, in French: sign in, generate, see it in a second tab, run out of tokens, buy, go on.

import assert from 'node:assert/strict';
import { again, APPLICATION, jeton, JETON, KEY, scenario, until } from './application.mjs';

const ARTICLE = 'Génération article';
const PRODUCT = 'Génération description produit';
const USER = 'test-user-id';

/** What the product description and the model for articles cost; the latter writes the same about a topic, so it is the same each time. */
const PRODUCT_PRICE = 2;

await scenario(async open => {
  // Jeton answers pages under both names of this machine.
  for (const origin of [APPLICATION, APPLICATION.replace('127.0.0.1', 'localhost')]) {
    const { headers } = await fetch(`${JETON}/api/stats`, { headers: { Origin: origin } });
    assert.equal(headers.get('access-control-allow-origin'), origin);
  }
  const first = await open({ viewport: { width: 1000, height: 800 } });
  assert.equal(await first.at('html').getAttribute('lang'), 'fr');
  await first.signIn();
  const second = await open({ beside: first });
  const both = async (...account) => {
    await first.shows(...account);
    await second.shows(...account);
  };
  await both(4987, PRODUCT, -2);
  const month = async () => parseInt(await first.at('.chart svg').getAttribute('aria-label'), 10);
  await until('the chart has the week before', month, 13);

  // What one tab generates, the other shows.
  const article = await first.generate('article');
  assert.match(article, /^Le café de spécialité à Lyon\s: par où commencer\s\?/);
  // The text may be there before it is paid for.
  await until('the article is paid for', async () => (await first.newest())[0], ARTICLE);
  const price = -(await first.newest())[1];
  assert.ok(price > 0);
  await both(4987 - price, ARTICLE, -price);
  await second.at('#product-name').fill('Lampe <b>Nova</b>');
  assert.match(await second.generate('product'), /^Lampe <b>Nova<\/b>\s: pensé pour/);
  await first.generate('product');
  let balance = 4987 - price - 2 * PRODUCT_PRICE;
  await both(balance, PRODUCT, -PRODUCT_PRICE);
  await until('the chart has what was spent today', month, 13 + price + 2 * PRODUCT_PRICE);
  await first.picture('account', 'html');

  // The tokens run out, and nothing is generated.
  await jeton('POST', 'generations', { userId: USER, tokenCost: balance - 1, description: 'Un gros travail' });
  await both(1, 'Un gros travail', 1 - balance);
  for (const [tab, form] of [[first, 'article'], [second, 'product']]) {
    await tab.press(`#${form} button.main`);
    const refusal = tab.at(`#${form} .refusal[data-code="insufficient_tokens"]`);
    await refusal.waitFor();
    assert.match(await refusal.innerText(), /1 (token )?disponible|disponible\D+1/);
    assert.equal(await refusal.locator('a').getAttribute('href'), '#buy');
  }
  await second.picture('too-few', '#product');
  assert.match(await second.at('#product .text').innerText(), /Nova/, 'what was paid for stays');
  await both(1, 'Un gros travail', 1 - balance);

  // A double click buys once; so does the same purchase sent again.
  await first.press('#article .refusal a');
  await first.press('.packs label', { text: '500' });
  await first.press('#checkout button.main', { clicks: 2 });
  await first.at('#checkout [role="status"]').filter({ hasText: /500/ }).waitFor();
  await both(501, 'Achat de 500 tokens', 500);
  const bought = first.actions.at(-1);
  assert.ok((await again(bought)).ok);
  const { transactions: [last, before] } = await jeton('GET', `transactions?userId=${USER}&limit=2`);
  assert.deepEqual([last.description, before.description], ['Achat de 500 tokens', 'Un gros travail']);

  // It goes on. Another purchase is another one.
  await first.generate('article');
  balance = 501 - price;
  await both(balance, ARTICLE, -price);
  await first.press('#checkout button[type="button"]');
  await first.press('#checkout button.main');
  balance += 100;
  await both(balance, 'Achat de 100 tokens', 100);

  // The focus stays where somebody goes on.
  await second.generate('product');
  assert.equal(await second.at('#product button.main:focus').count(), 1);
  balance -= PRODUCT_PRICE;
  await first.at('#checkout button[type="button"]').press('Enter');
  await first.at('#checkout input:focus').waitFor();
  // The button that stops it is there for no longer than it takes.
  let go;
  const focused = new Promise(resolve => { go = resolve; });
  await first.page.route('**/article', async route => {
    await focused;
    await route.continue();
  }, { times: 1 });
  await first.press('#article button.main');
  await first.at('#article button[type="button"]').focus();
  go();
  await first.at('#article .text[aria-busy="false"]').waitFor();
  assert.equal(await first.at('#article button.main:focus').count(), 1);
  balance -= price;
  await both(balance, ARTICLE, -price);

  // The older entries come when they are asked for, and stay in step with the new ones.
  await second.page.reload();
  await second.is('live');
  const { transactions } = await jeton('GET', `transactions?userId=${USER}`);
  const ids = transactions.map(({ id }) => id);
  assert.deepEqual(await second.entries(), ids.slice(0, 10));
  await second.press('.older');
  await until('all entries are there', async () => String(await second.entries()), String(ids));
  await second.at('.older').waitFor({ state: 'detached' });
  await second.generate('product');
  balance -= PRODUCT_PRICE;
  await both(balance, PRODUCT, -PRODUCT_PRICE);
  const { transactions: [newest] } = await jeton('GET', `transactions?userId=${USER}&limit=1`);
  assert.deepEqual(await second.entries(), [newest.id, ...ids]);

  // Nobody acts without being signed in, and no other site for whoever is.
  const described = second.actions.at(-1);
  for (const [name, changed] of Object.entries({
    'no cookie': { cookie: undefined },
    'a cookie for another': { cookie: (await described.allHeaders()).cookie.replace(USER, 'marie') },
    'another site': { origin: 'https://elsewhere.example' },
  })) {
    const answer = await again(described, changed);
    assert.ok(!/pensé pour/.test(await answer.text()), name);
    for (const path of ['session', 'article']) {
      if (changed.origin) continue;
      const refused = await fetch(new URL(path, described.url()), { method: 'POST', headers: { cookie: changed.cookie ?? '' }, body: '{"prompt":"x"}' });
      assert.equal(refused.status, 401, `${path}: ${name}`);
      if (path === 'article') assert.match((await refused.json()).message, /n'êtes plus connecté/);
    }
  }
  assert.match(await (await again(described)).text(), /pensé pour/, 'with all of that it is done');
  balance -= PRODUCT_PRICE;
  await both(balance, PRODUCT, -PRODUCT_PRICE);

  // Nothing is written about nothing.
  await first.at('#topic').fill('  ');
  await first.at('#topic:invalid').waitFor();
  const about = second.at('#product-name');
  const nothing = described.postData().replace(await about.inputValue(), ' ');
  assert.notEqual(nothing, described.postData());
  assert.match(await (await again(described, {}, nothing)).text(), /no_topic/);
  const { cookie } = await described.allHeaders();
  const askFor = (headers, body) => fetch(new URL('article', described.url()), { method: 'POST', headers, body: JSON.stringify(body) });
  for (const prompt of [undefined, ' ', 7]) assert.equal((await askFor({ cookie }, { for: USER, prompt })).status, 400);
  await both(balance, PRODUCT, -PRODUCT_PRICE);

  // Another user has an account of their own, and whoever signs out sees none.
  const other = await open();
  await other.at('#user').fill('Zoë');
  await other.at('#user').press('Enter');
  await other.at('.sign-in [role="alert"]').filter({ hasText: '128' }).waitFor();
  await other.signIn('marie');
  await other.shows(5000, 'Initialisation du compte', 5000);
  await other.generate('product');
  await other.shows(4998, PRODUCT, -PRODUCT_PRICE);
  await both(balance, PRODUCT, -PRODUCT_PRICE);
  const stale = [];
  for (const _ of ['signed out', 'somebody else']) stale.push(await open({ beside: other, expected: /401|ERR_FAILED|Failed to fetch/ }));
  for (const tab of stale) {
    await tab.is('live');
    // It would begin anew by itself as soon as it asks for a session.
    await tab.page.route('**/session', route => route.abort());
  }
  await other.press('header form:has(#signed-in) button');
  await other.at('.sign-in').waitFor();
  assert.equal(await other.at('.numbers').count(), 0);

  // A tab that still shows the account acts on none, and begins anew.
  await stale[0].press('#article button.main');
  await stale[0].at('.sign-in').waitFor();
  await other.signIn('zoe');
  await stale[1].press('#product button.main');
  await stale[1].at('#signed-in').filter({ hasText: 'zoe' }).waitFor();
  await stale[1].shows(5000, 'Initialisation du compte', 5000);
  const zoes = { cookie: (await stale[1].page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ') };
  for (const action of [bought, described]) assert.match(await (await again(action, zoes)).text(), /signed_out/);
  assert.equal((await askFor(zoes, { for: USER, prompt: 'x' })).status, 401);
  for (const [user, newest] of [['marie', PRODUCT], ['zoe', 'Initialisation du compte']]) {
    const { transactions: [{ description }] } = await jeton('GET', `transactions?userId=${user}&limit=1`);
    assert.equal(description, newest);
  }

  for (const tab of [first, second, other]) assert.ok(!(await tab.everything()).includes(KEY), 'the key is the server\'s alone');
});
