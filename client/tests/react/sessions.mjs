// Sessions that cannot be had, that are refused, and that are somebody else's.

import assert from 'node:assert/strict';
import { noting, scenario } from './browser.mjs';

await scenario(async ({ open, jeton, site }) => {
  const expected = /40[13] \(/;

  // There is none. Until it is asked for again, which is slow; or at once, when somebody wants it.
  site.refusing = true;
  const page = await open({ userId: 'alice' }, {
    expected,
    prepare: async tab => {
      await tab.clock.install();
      await noting('#one[data-loading="true"][data-live="false"]:not([data-error])')(tab);
    },
  });
  await page.noted();
  await page.tab.clock.fastForward(5_000);
  await page.has('#one[data-loading="false"][data-live="false"][data-error="unreachable"]:not([data-balance])');
  await page.has('#balance[data-state="error"]');
  const asked = site.sessions.length;
  await page.tab.clock.fastForward(60_000);
  assert.ok(site.sessions.length - asked < 8, `asked ${site.sessions.length - asked} times in a minute`);
  site.refusing = false;
  await page.control('refresh');
  await page.shows('alice');

  // It is one that Jeton does not take: that is told at once.
  site.token = 'not.a.token';
  const strange = await open({ userId: 'alice' }, { expected });
  await strange.has('#one[data-loading="false"][data-error="unauthenticated"]:not([data-balance])');
  site.token = null;
  await strange.control('refresh');
  await strange.shows('alice');

  // It is somebody else's than the page says.
  const wrong = await open({ userId: 'bob', signedIn: 'alice' }, { expected });
  await wrong.has('#one[data-error="forbidden"]:not([data-balance])');

  // Two users of one browser, each in a tab of theirs.
  await jeton.debit('bob', 7);
  const bob = await open({ userId: 'bob' }, { beside: page });
  await bob.shows('bob');
  await page.shows('alice');

  // Somebody else signs in, in the same tab.
  const users = page => page.tab.evaluate(() => new Promise(resolve => {
    const seen = [];
    const look = () => seen.push(document.querySelector('#one')?.dataset.user ?? 'nobody');
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
    window.usersSeen = () => seen;
    resolve();
  }));
  await users(page);
  await page.control('signIn', 'carol', 'carol');
  await page.shows('carol');
  assert.deepEqual([...new Set(await page.tab.evaluate(() => window.usersSeen()))], ['nobody', 'carol']);
  await bob.shows('bob');

  // Whose account it is, the session alone says. Tabs share the stream all the same.
  const dave = await open({ signedIn: 'dave', ttl: '3' }, { expected });
  await dave.shows('dave');
  const beside = await open({ signedIn: 'dave', ttl: '3' }, { beside: dave, expected });
  await beside.shows('dave');
  await jeton.debit('dave', 3);
  await Promise.all([dave.shows('dave'), beside.shows('dave')]);
  assert.equal(beside.streamed, 0, 'tabs share the stream');
  // Erin signs in, in another tab, which these are not told: with the next session they show hers.
  await users(dave);
  site.signedIn = 'erin';
  await jeton.debit('erin', 5);
  await Promise.all([dave.shows('erin'), beside.shows('erin')]);
  const seen = await dave.tab.evaluate(() => window.usersSeen());
  assert.equal(seen[seen.lastIndexOf('dave') + 1], 'nobody', 'the numbers before are gone before there are others');
  assert.ok(seen.lastIndexOf('dave') < seen.indexOf('erin'));
  site.signedIn = null;
});
