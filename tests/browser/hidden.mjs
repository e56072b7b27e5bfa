// A browser has six lines to one server: pages that nobody looks at leave theirs to the others, and miss nothing.

import { debit, scenario } from './browser.mjs';

const [url] = process.argv.slice(2);

/** Says to the page that it is hidden now, or no longer. */
const hide = (window, hidden) => window.page.evaluate(hidden => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}, hidden);

await scenario(async open => {
  const first = await open(url);
  await first.showsAccount();
  await hide(first, true);
  const windows = [first];
  while (windows.length < 8) {
    const window = await open(url, { beside: first });
    await window.showsAccount();
    await hide(window, true);
    windows.push(window);
  }
  for (let spent = 0; spent < 12; spent += 1) await debit(url, 1);
  for (const window of windows) {
    await hide(window, false);
    await window.showsAccount();
    await hide(window, true);
  }
});
