// A deployment that asks for a key: the page says so, and shows no numbers.

import assert from 'node:assert/strict';
import { scenario } from './browser.mjs';

const [url] = process.argv.slice(2);

await scenario(async open => {
  for (const [locale, word] of [['fr-FR', 'clé'], ['en-GB', 'key']]) {
    const window = await open(url, { locale, expected: /401 \(/ });
    await window.is('locked');
    assert.ok((await window.text('connection')).includes(word));
    assert.equal(await window.text('balance'), '–');
    assert.equal(window.streams, 0);
  }
});
