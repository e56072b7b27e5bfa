// Each stream lasts a second and each session three, with a history that is longer than what is shown: nothing is missing, nothing comes
// twice, and nobody is alarmed.

import assert from 'node:assert/strict';
import { scenario } from './browser.mjs';

await scenario(async ({ open, jeton, site, way }) => {
  for (let at = 0; at < 60; at += 1) await jeton.debit('alice', 1);
  const page = await open({ userId: 'alice', ttl: '3' });
  const beside = await open({ userId: 'alice', ttl: '3' }, { beside: page });
  const all = () => Promise.all([page.shows('alice'), beside.shows('alice')]);
  await all();
  for (const { tab } of [page, beside]) {
    await tab.evaluate(() => {
      const tell = () => { if (document.querySelector('#one').dataset.live !== 'true') console.error('alarm'); };
      new MutationObserver(tell).observe(document.querySelector('#one'), { attributes: true });
    });
  }
  const { calls: { length: reads }, opened } = way;
  const sessions = site.sessions.length;
  for (let made = 1; way.opened < opened + 3 || site.sessions.length < sessions + 1; made += 1) {
    await jeton.debit('alice', 1);
    // Some while there is a stream, some while there is none.
    if (made % 3 === 0) await all();
  }
  await all();
  assert.deepEqual(way.calls.slice(reads), [], 'each stream goes on where the last one ended');
});
