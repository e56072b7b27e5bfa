// A browser without locks and channels, or one that denies them: each tab has a stream of its own, while somebody looks at it.

import assert from 'node:assert/strict';
import { noting, scenario } from './browser.mjs';

/** Says to the page that it is hidden now, or no longer. */
const hide = ({ tab }, hidden) => tab.evaluate(hidden => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}, hidden);

await scenario(async ({ open, jeton, way }) => {
  const lacking = [
    () => { delete Navigator.prototype.locks; },
    () => { delete window.BroadcastChannel; },
    // So they are in a sandboxed frame, and where a user lets no site keep anything.
    () => { LockManager.prototype.request = async () => { throw new DOMException('The request was denied.', 'SecurityError'); }; },
    () => { window.BroadcastChannel = class { constructor() { throw new DOMException('The operation is insecure.', 'SecurityError'); } }; },
  ];
  const pages = [];
  for (const lack of lacking) {
    const page = await open({ userId: 'alice' }, { beside: pages[0], prepare: tab => tab.addInitScript(lack) });
    await page.shows('alice');
    pages.push(page);
    assert.equal(way.streams.size, pages.length);
  }
  await jeton.debit('alice', 3);
  for (const page of pages) await page.shows('alice');

  // A browser has six lines to one server.
  await hide(pages[0], true);
  await way.until(() => way.streams.size === pages.length - 1);
  await jeton.debit('alice', 3);
  await hide(pages[0], false);
  for (const page of pages) await page.shows('alice');
  assert.equal(way.streams.size, pages.length);

  for (const page of pages) await page.control('mount', false);
  await way.until(() => way.streams.size === 0);
  await pages[0].control('mount', true);
  await pages[0].shows('alice');

  // One that is hidden while its components wait, and for so long that the account is given up, does not leave them waiting.
  let asked = false;
  const waiting = await open({ userId: 'bob', suspense: '', outside: '' }, {
    prepare: async tab => {
      await tab.addInitScript(lacking[0]);
      await tab.clock.install();
      await noting('.fallback')(tab);
      await tab.route('**/session*', async route => {
        if (asked) return route.continue();
        asked = true; // This one is never answered.
      });
    },
  });
  await waiting.noted();
  await hide(waiting, true);
  await waiting.tab.clock.fastForward(35_000);
  await hide(waiting, false);
  await waiting.shows('bob');
});
