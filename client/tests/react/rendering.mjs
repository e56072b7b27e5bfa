// The page as a server renders it, whole or piece by piece, with what it has read, without it, and while it still reads. The browser takes
// it over without a word.

import assert from 'node:assert/strict';
import { noting, scenario } from './browser.mjs';

await scenario(async ({ open, jeton, site, way }) => {
  const { whole, streamed } = await site.renderer();
  await jeton.debit('alice', 13);
  const read = async () => ({ stats: await jeton.stats('alice'), transactions: await jeton.history('alice') });
  const USER = { userId: 'alice' };
  let html;
  const script = text => `<script>${text}</script>`;
  const inPage = value => JSON.stringify(value).replaceAll('<', '\\u003c');

  /** Opens a page that is rendered like this, until it is live. Gives what React made good there; `html` is what came. */
  const rendered = async (query, render, options) => {
    html = '';
    site.render = async (parameters, response) => {
      const write = text => {
        html += text;
        response.write(text);
      };
      write(script('window.rendered = true'));
      await render(parameters, write);
    };
    const page = await open({ ...USER, ...query }, options);
    await page.shows('alice');
    await jeton.debit('alice', 1);
    await page.shows('alice');
    const recovered = await page.tab.evaluate(() => window.recovered ?? []);
    await page.close();
    return recovered;
  };
  const inOne = initial => (parameters, write) => {
    write(script(`window.initial = ${initial === undefined ? 'undefined' : inPage(initial)}`));
    write(`<div id="root">${whole(parameters, initial)}</div>`);
  };
  const failures = [];
  const inPieces = (initial, scripts) => async (parameters, write) => {
    write(scripts);
    write('<div id="root">');
    const stream = await streamed(parameters, initial, error => {
      failures.push(error.code);
      return error.digest;
    });
    for await (const piece of stream) write(piece.toString());
    write('</div>');
  };

  // With what the server has read the numbers are there before any script runs; without it there is a place for them.
  for (const suspense of [{}, { suspense: '' }]) {
    const initial = await read();
    const recovered = await rendered(suspense, inOne(initial));
    assert.match(html, new RegExp(`data-balance="${initial.stats.tokenBalance}"[^>]*data-live="false" data-loading="false"`));
    assert.match(html, /<output aria-label="Solde de tokens" aria-busy="false" data-state="connecting" id="balance" class="big">4\s9\d\d<\/output>/);
    assert.deepEqual(recovered, []);
  }
  assert.deepEqual(await rendered({}, inOne(undefined)), []);
  assert.match(html, /data-state="loading" id="balance" class="big">–</);

  // What it has read is old, or somebody else's.
  const old = await read();
  await jeton.debit('alice', 100);
  assert.deepEqual(await rendered({}, inOne(old)), []);
  const others = { stats: await jeton.stats('bob'), transactions: await jeton.history('bob') };
  assert.deepEqual(await rendered({}, inOne(others)), []);
  assert.match(html, /data-state="loading"/);

  // What it has read is newer than what another tab has, whose stream is dead: it stays, and that tab takes another stream.
  site.render = null;
  const dead = await open(USER);
  await dead.shows('alice');
  way.fallSilent();
  await jeton.debit('alice', 1);
  assert.deepEqual(await rendered({}, inOne(await read()), { beside: dead }), []);
  await dead.shows('alice');
  await dead.close();

  // While it still reads: first the fallback, then the numbers, both from the server.
  const initial = await read();
  let arrive;
  const reading = new Promise(resolve => { arrive = resolve; });
  const soon = script(`window.initial = new Promise(resolve => setTimeout(resolve, 50, ${inPage(initial)}))`);
  const readOn = (parameters, write) => inPieces(reading, soon)(parameters, text => {
    write(text);
    if (text.includes('class="fallback"')) arrive(initial);
  });
  assert.deepEqual(await rendered({ suspense: '' }, readOn), []);
  assert.match(html, /class="fallback"[\s\S]*data-balance="/);
  assert.deepEqual(failures, []);
  // Without suspense nobody waits for it.
  assert.deepEqual(await rendered({}, inPieces(reading, soon)), []);
  assert.deepEqual(failures, []);

  // Without anything, or when reading fails, components that suspend are left to the browser, and React says which.
  const failing = Promise.reject(new Error('no'));
  failing.catch(() => {});
  const fails = script('window.initial = Promise.reject(new Error("no")); window.initial.catch(() => {})');
  for (const [initial, scripts] of [[undefined, ''], [failing, fails]]) {
    const recovered = await rendered({ suspense: '' }, inPieces(initial, scripts));
    assert.match(html, /class="fallback"/);
    assert.doesNotMatch(html, /data-balance/);
    assert.deepEqual(failures.splice(0), ['left_to_browser', 'left_to_browser']);
    assert.deepEqual(recovered, ['BAILOUT_TO_CLIENT_SIDE_RENDERING', 'BAILOUT_TO_CLIENT_SIDE_RENDERING']);
  }

  // In the browser alone: the fallback, and then the numbers; also with the boundary above the provider, and with nobody named.
  site.render = null;
  for (const query of [{ ...USER, suspense: '' }, { ...USER, suspense: '', outside: '' }, { signedIn: 'alice', suspense: '', outside: '' }]) {
    const sessions = site.sessions.length;
    const page = await open(query, { prepare: noting('.fallback') });
    await page.shows('alice');
    assert.equal(await page.tab.evaluate(() => window.noted), true);
    assert.equal(site.sessions.length, sessions + 1);
  }

  // An error goes to the boundary above; after a refresh there is something to show.
  site.refusing = true;
  const failed = await open({ ...USER, suspense: '' }, {
    expected: /401 \(|There is no session/,
    prepare: async tab => {
      await tab.clock.install();
      await noting('.fallback')(tab);
    },
  });
  await failed.noted();
  await failed.tab.clock.fastForward(5_000);
  await failed.has('.failed');
  site.refusing = false;
  await failed.control('refresh');
  for (const _ of ['one', 'two']) await failed.tab.locator('.failed').first().click();
  await failed.shows('alice');

  // In English, by the provider; and in the document's language, which may change.
  const english = await open({ ...USER, language: 'en' });
  const { stats } = await english.shows('alice');
  await english.has('#balance[aria-label="Token balance"]');
  assert.equal(await english.text('balance'), stats.tokenBalance.toLocaleString('en'));
  const swiss = await open({ ...USER, document: 'de-CH' });
  await swiss.shows('alice');
  assert.equal(await swiss.text('balance'), stats.tokenBalance.toLocaleString('de-CH'));
  await swiss.tab.evaluate(() => { document.documentElement.lang = 'en-GB'; });
  await swiss.has('#balance[aria-label="Token balance"]');
  assert.equal(await swiss.text('balance'), stats.tokenBalance.toLocaleString('en'));
});
