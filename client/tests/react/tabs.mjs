// All components and all tabs of a browser share one stream, whatever becomes of the tab that has it.

import assert from 'node:assert/strict';
import { scenario } from './browser.mjs';

const USER = { userId: 'alice' };

await scenario(async ({ open, jeton, way }) => {
  const first = await open(USER);
  await first.shows('alice');
  assert.deepEqual([way.streams.size, way.opened], [1, 1], 'the components of a page, in StrictMode, share one stream');

  const tabs = [first];
  while (tabs.length < 8) tabs.push(await open(USER, { beside: first }));
  const all = async () => Promise.all(tabs.map(tab => tab.shows('alice')));
  await all();
  await jeton.debit('alice', 3);
  await all();
  assert.deepEqual([way.streams.size, way.opened], [1, 1], 'eight tabs share one stream');

  /** While somebody else spends, the tab that leads goes away like this, and another one takes its place. */
  const without = async (leader, goes) => {
    tabs.splice(tabs.indexOf(leader), 1);
    const { opened } = way;
    const spent = Promise.all(Array.from({ length: 10 }, (_, at) => jeton.debit('alice', at + 1)));
    await goes();
    await spent;
    await way.until(() => way.opened === opened + 1 && way.streams.size === 1);
    await all();
  };

  await without(first, () => first.close());

  // The lock goes to the tabs in the order in which they came.
  const second = tabs[0];
  const devtools = await second.tab.context().newCDPSession(second.tab);
  second.gone = true;
  await without(second, async () => {
    const crashed = second.tab.waitForEvent('crash');
    devtools.send('Page.crash').catch(() => {});
    await crashed;
  });

  const third = tabs[0];
  const life = await third.tab.context().newCDPSession(third.tab);
  await without(third, () => life.send('Page.setWebLifecycleState', { state: 'frozen' }));
  // When it comes to itself it joins the others.
  await life.send('Page.setWebLifecycleState', { state: 'active' });
  tabs.push(third);
  await all();
  await jeton.debit('alice', 1);
  await all();
  assert.equal(way.streams.size, 1);

  // A leader that is stuck, and does not answer, is replaced: whoever looks finds out.
  const fourth = tabs[0];
  tabs.splice(0, 1);
  const debug = await fourth.tab.context().newCDPSession(fourth.tab);
  await debug.send('Debugger.enable');
  await debug.send('Debugger.pause');
  const stuck = fourth.tab.evaluate(() => 0);
  await tabs[0].tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await jeton.debit('alice', 2);
  await all();
  await debug.send('Debugger.disable');
  await stuck;
  tabs.push(fourth);
  await jeton.debit('alice', 2);
  await all();
  await way.until(() => way.streams.size === 1);

  // A reset: the history begins anew, everywhere.
  await jeton.post('reset', { userId: 'alice' });
  await all();
  assert.equal((await jeton.history('alice')).length, 1);

  // Somebody who shows more of the history brings it for all.
  const more = await open({ ...USER, historyLength: '200' }, { beside: tabs[0] });
  for (let at = 0; at < 60; at += 1) await jeton.debit('alice', 1);
  await more.shows('alice', { length: 200 });
  await all();
  const most = await open({ ...USER, historyLength: '300' }, { beside: tabs[0] });
  await most.shows('alice', { length: 300 });
  assert.equal(way.streams.size, 1);

  // Nobody looks any more.
  tabs.push(more, most);
  for (const tab of tabs) await tab.control('mount', false);
  await Promise.all(tabs.map(tab => tab.has('#root:not(:has(#one))')));
});
