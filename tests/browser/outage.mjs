// What the page needs goes away, and comes back: the test does that, as it is asked to.

import { debit, say, scenario } from './browser.mjs';

const [url] = process.argv.slice(2);

await scenario(async open => {
  const window = await open(url, { expected: /ERR_(CONNECTION_RE(FUSED|SET)|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)|503 \(/ });
  await debit(url, 7);
  await window.showsAccount();
  say('stop it');
  await window.is('lost');
  say('start it');
  await window.is('live');
  await window.showsAccount();
  await debit(url, 8);
  await window.showsAccount();
});
