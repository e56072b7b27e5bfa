// A line that is dead without a word, as after a change of network: the page finds out by itself.

import { debit, scenario } from './browser.mjs';
import { Line } from './line.mjs';

const [url] = process.argv.slice(2);

await scenario(async open => {
  const line = await Line.to(url);
  const window = await open(url, { by: line.url, prepare: page => page.clock.install() });
  await window.showsAccount();
  line.fallSilent();
  await debit(url, 1);
  // The browser keeps connections, and may try each of the dead ones first.
  for (let shown = false; !shown;) {
    await window.page.clock.fastForward(80_000);
    shown = await window.showsAccount({ timeout: 1_000 }).then(() => true, () => false);
  }
  // This one is alive.
  await debit(url, 1);
  await window.showsAccount();
});
