// Each stream lasts a second, as if the function's time were up: nothing is missing, nothing comes twice, and nobody is alarmed.

import assert from 'node:assert/strict';
import { debit, scenario } from './browser.mjs';

const [url] = process.argv.slice(2);

await scenario(async open => {
  const window = await open(url);
  await window.listenIn();
  await window.showsAccount();
  await window.page.evaluate(() => {
    const tell = () => { if (document.body.dataset.state !== 'live') console.error(`alarm: ${document.body.dataset.state}`); };
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
