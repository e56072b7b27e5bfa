// All components and all tabs of a browser share one stream, whatever becomes of the tab that has it.

import assert from 'node:assert/strict';
import { scenario } from './browser.mjs';

const USER = { userId: 'alice' };

await scenario(async ({ open, jeton, site, way }) => {
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
  const without = async (goes, { streams = 1 } = {}) => {
    const leader = tabs.reduce((one, other) => one.streamed > other.streamed ? one : other);
    tabs.splice(tabs.indexOf(leader), 1);
    const { opened } = way;
    const spent = Promise.all(Array.from({ length: 10 }, (_, at) => jeton.debit('alice', at + 1)));
    const devtools = await leader.tab.context().newCDPSession(leader.tab);
    await goes(leader, devtools);
    await spent;
    await way.until(() => way.opened === opened + 1 && way.streams.size === streams);
    await all();
    return [leader, devtools];
  };

  /** A tab that was away joins the others. */
  const back = async tab => {
    tabs.push(tab);
    await all();
    await jeton.debit('alice', 2);
    await all();
    await way.until(() => way.streams.size === 1);
  };

  await without(leader => leader.close());

  await without(async (leader, devtools) => {
    leader.gone = true;
    const crashed = leader.tab.waitForEvent('crash');
    devtools.send('Page.crash').catch(() => {});
    await crashed;
  });

  // Away, and back by the browser's button: the page is kept aside meanwhile.
  const [kept] = await without(async leader => {
    await leader.tab.evaluate(() => { window.marked = true; });
    await leader.tab.goto(`${site.url}/elsewhere`);
  });
  await kept.tab.goBack({ waitUntil: 'commit' });
  assert.equal(await kept.tab.evaluate(() => window.marked), true, 'the page was loaded anew');
  await back(kept);

  // Frozen: it is told, and then nothing of it runs.
  const pause = async devtools => {
    await devtools.send('Debugger.enable');
    await devtools.send('Debugger.pause');
  };
  const [frozen, life] = await without(async (leader, devtools) => {
    await leader.tab.evaluate(() => document.dispatchEvent(new Event('freeze')));
    await pause(devtools);
  });
  await life.send('Debugger.disable');
  await frozen.tab.evaluate(() => document.dispatchEvent(new Event('resume')));
  await back(frozen);

  // Stuck, without being told: whoever looks at another tab finds out. Its stream is there until it comes to itself.
  const [stuck, debug] = await without(async (_, devtools) => {
    await pause(devtools);
    await tabs[0].tab.evaluate(() => {
      const { setTimeout } = window;
      // Its patience is soon at an end.
      window.setTimeout = (work, ms) => setTimeout(work, ms / 20);
      document.dispatchEvent(new Event('visibilitychange'));
      window.setTimeout = setTimeout;
    });
  }, { streams: 2 });
  await debug.send('Debugger.disable');
  await back(stuck);

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
  await way.until(() => way.streams.size === 1);

  // Nobody looks any more.
  tabs.push(more, most);
  for (const tab of tabs) await tab.control('mount', false);
  await way.until(() => way.streams.size === 0);
});
