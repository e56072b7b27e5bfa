// Jeton goes away, and comes back: the test does that, as it is asked to.

import { say, scenario } from './browser.mjs';

await scenario(async ({ open, jeton }) => {
  const expected = /ERR_(CONNECTION_RE(FUSED|SET)|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)|503 \(|500 \(/;
  const page = await open({ userId: 'alice' }, { expected });
  await jeton.debit('alice', 7);
  await page.shows('alice');
  say('stop it');
  await page.has('#one[data-live="false"][data-error][data-balance]');
  say('start it');
  await page.has('#one[data-live="true"]:not([data-error])');
  await page.shows('alice');
  await jeton.debit('alice', 8);
  await page.shows('alice');
});
