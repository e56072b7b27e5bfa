// What comes between the history and the stream is not missed, and a stream in disorder is left for another.

import assert from 'node:assert/strict';
import { debit, get, scenario } from './browser.mjs';

const [url] = process.argv.slice(2);

/** An event as it is sent. */
const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

await scenario(async open => {
  /** A window whose first stream is answered by `answer`. */
  const opened = async answer => {
    let tell;
    const answered = new Promise(resolve => { tell = resolve; });
    const prepare = page => page.route('**/api/events*', route => tell(answer(route)), { times: 1 });
    const window = await open(url, { prepare });
    await answered;
    return window;
  };
  const afterDebit = async route => {
    await debit(url, 1);
    await route.continue();
  };

  // The account is opened by that: there was no history.
  const first = await opened(afterDebit);
  assert.equal((await first.showsAccount()).transactions.length, 2);
  await (await opened(afterDebit)).showsAccount();

  // A transaction that is known, an account that is older than the one before, and nothing else for long.
  const third = await opened(async route => {
    const stats = await get(url, 'stats');
    const { transactions: [newest] } = await get(url, 'transactions', '&limit=1');
    const body = 'retry: 600000\n\n' + event('transaction', newest) + event('stats', stats)
      + event('stats', { ...stats, tokenBalance: 1, version: stats.version - 1 });
    await route.fulfill({ contentType: 'text/event-stream', body });
  });
  await third.showsAccount();
  await debit(url, 2);
  await third.showsAccount();
  assert.equal(third.streams, 2);
});
