// Each stream lasts a second, as if the function's time were up: nothing is missing, nothing comes twice, and nobody is alarmed.

import assert from 'node:assert/strict';
import { debit, scenario } from './browser.mjs';

const [url] = process.argv.slice(2);

/** The page notes when it was last told that its stream has ended, until there is another one. */
const noteEnds = page => page.addInitScript(() => {
  window.EventSource = class extends EventSource {
    constructor(...address) {
      super(...address);
      this.addEventListener('error', () => { window.endedAt ??= performance.now(); });
      this.addEventListener('stats', () => { delete window.endedAt; });
    }
  };
});

await scenario(async open => {
  const window = await open(url, { prepare: noteEnds });
  await window.listenIn();
  await window.showsAccount();
  await window.page.evaluate(() => {
    const tell = () => {
      // It is told of an absence of four seconds, as it may become where the machine is busy.
      if (document.body.dataset.state === 'live' || performance.now() - window.endedAt >= 3_990) return;
      console.error(`alarm: ${document.body.dataset.state}`);
    };
    new MutationObserver(tell).observe(document.body, { attributes: true });
  });
  const streams = window.streams;
  const made = [];
  while (window.streams < streams + 3) {
    made.push((await debit(url, 1)).transaction.id);
    // Some while the page is connected, some while it is not.
    if (made.length % 3 === 0) await window.showsAccount();
  }
  await window.showsAccount();
  assert.deepEqual(window.told, made);
});
