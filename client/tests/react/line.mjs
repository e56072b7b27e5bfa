// The line breaks, falls silent and comes back; the browser goes offline; what comes is in disorder. Nothing is missing afterwards, and
// meanwhile nobody takes an old number for the present one.

import assert from 'node:assert/strict';
import { scenario } from './browser.mjs';

const USER = { userId: 'alice' };
const EXPECTED = /ERR_(CONNECTION_RE(FUSED|SET)|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|INTERNET_DISCONNECTED)/;
const LOST = '[data-live="false"][data-loading="false"][data-error="unreachable"]';

/** An event as it is sent. */
const event = (name, id, data) => `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

await scenario(async ({ open, jeton, site, way }) => {
  const page = await open(USER, { expected: EXPECTED, prepare: tab => tab.clock.install() });
  const beside = await open(USER, { beside: page, expected: EXPECTED });
  const both = () => Promise.all([page.shows('alice'), beside.shows('alice')]);
  await both();

  /** Goes away like this, until the pages say so, and comes back like that. */
  const away = async (goes, comes) => {
    const shown = await page.text('balance');
    const reads = way.calls.length;
    await goes();
    // An absence is told when it lasts.
    await page.tab.clock.fastForward(5_000);
    for (const tab of [page, beside]) {
      await tab.has(`#one${LOST}`);
      await tab.has('#balance[data-state="error"][data-error="unreachable"]');
    }
    for (let at = 0; at < 12; at += 1) await jeton.debit('alice', at + 1);
    assert.equal(await page.text('balance'), shown, 'the last good number stays');
    await comes();
    await both();
    assert.deepEqual(way.calls.slice(reads), [], 'what was missed came over the stream');
  };

  await away(() => way.cut(), async () => {
    await way.mend();
    await page.tab.clock.fastForward(60_000);
  });
  // Who comes back goes at once.
  const { tab } = page;
  await away(() => tab.context().setOffline(true), () => tab.context().setOffline(false));

  // Dead without a word. The browser keeps connections, and may try each of the dead ones first.
  way.fallSilent();
  await jeton.debit('alice', 1);
  const { opened } = way;
  for (let seconds = 0; way.opened === opened && seconds < 300; seconds += 10) await tab.clock.fastForward(10_000);
  await both();

  // What happens between the history and the stream is not missed.
  let debited;
  const late = await open({ userId: 'bob' }, {
    prepare: tab => {
      debited = tab.waitForResponse(response => response.url().includes('/api/events') && response.request().method() === 'GET');
      return tab.route('**/api/events*', async route => {
        await jeton.debit('bob', 1);
        await route.continue();
      }, { times: 1 });
    },
  });
  await debited;
  assert.equal((await late.shows('bob')).history.length, 2);

  // A transaction that is known, and an account that is older than the one before.
  const strange = await open({ userId: 'bob' }, {
    prepare: tab => tab.route('**/api/events*', async route => {
      const [stats, [newest]] = [await jeton.stats('bob'), await jeton.history('bob', 1)];
      const body = event('transaction', newest.id, newest) + event('stats', newest.id, stats)
        + event('stats', newest.id, { ...stats, tokenBalance: 1, version: stats.version - 1 });
      await route.fulfill({ contentType: 'text/event-stream', body, headers: { 'access-control-allow-origin': site.url } });
    }, { times: 1 }),
  });
  await strange.shows('bob');
  await jeton.debit('bob', 2);
  await strange.shows('bob');
});
