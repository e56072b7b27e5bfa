// Debian's Chromium, the windows that a scenario opens in it, and the API beside them.
//
// A scenario speaks to the test that started it by lines: what it wants done, and at the end `done` or `failed`.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

// Where ./test installs it.
const { chromium } = createRequire(new URL('../../target/tools/browser/', import.meta.url))('playwright-core');

/** How long anything may take to happen, in milliseconds. */
const PATIENCE = 40_000;

const USER = 'test-user-id';

/** What a page that keeps house is never seen to do: it is looked at with each change, and told to the console. */
const WATCH = () => {
  addEventListener('securitypolicyviolation', event => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  addEventListener('DOMContentLoaded', () => {
    const table = document.getElementById('transactions');
    new MutationObserver(() => {
      const ids = [...table.rows].map(row => row.dataset.id);
      if (new Set(ids).size !== ids.length) console.error(`twice: ${ids}`);
    }).observe(table, { childList: true });
  });
};

/** Says a line to the test. */
export const say = line => console.log(line);

/** Runs a scenario in a browser. It gets a function that opens windows: see `Window.open`. */
export async function scenario(work) {
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  const browser = await chromium.launch({ executablePath, args: ['--disable-quic', '--disable-dev-shm-usage'] });
  const windows = [];
  let failed = false;
  try {
    await work(async (url, options = {}) => {
      const window = await Window.open(browser, url, options);
      windows.push(window);
      return window;
    });
    for (const window of windows) window.keptHouse();
    say('done');
  } catch (error) {
    say(`failed: ${error.stack}`);
    for (const window of windows) say(await window.describe());
    failed = true;
  }
  await browser.close();
  // Whatever the scenario has left open.
  process.exit(failed ? 1 : 0);
}

/** A page in the browser. */
export class Window {
  /**
   * Opens the page of the server at `url`: over another address (`by`); in a context of its own, or beside another window in
   * that one's (`beside`); in a language (`locale`); after what is to be done to the page before (`prepare`). `expected` says which
   * lines of the console are no surprise.
   */
  static async open(browser, url, { by = url, beside, locale = 'fr-FR', prepare = () => {}, expected = /^$/ }) {
    const context = beside?.page.context() ?? await browser.newContext({ locale });
    context.setDefaultTimeout(PATIENCE);
    const window = new Window(await context.newPage(), url, expected);
    await window.page.addInitScript(WATCH);
    await prepare(window.page);
    await window.page.goto(by);
    // It would not survive a reload.
    await window.page.evaluate(() => { window.marked = true; });
    return window;
  }

  constructor(page, url, expected) {
    Object.assign(this, { page, url, expected, said: [], streams: 0, told: [] });
    page.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning') this.said.push(message.text());
    });
    page.on('pageerror', error => this.said.push(error.stack));
    page.on('request', request => {
      if (request.resourceType() === 'eventsource') this.streams += 1;
    });
  }

  /** Waits until the page says that it is so: `live`, `lost`, `locked`. */
  async is(state) {
    await this.page.locator(`body[data-state="${state}"]`).waitFor();
  }

  /**
   * Waits until the page shows the account as the API tells it: live, the balance, and the last transactions, each once. `timeout`
   * is in milliseconds.
   */
  async showsAccount({ timeout = PATIENCE } = {}) {
    const [stats, { transactions }] = [await get(this.url, 'stats'), await get(this.url, 'transactions', '&limit=10')];
    const rows = transactions.map(({ id }, at) => `tr[data-id="${id}"]:nth-child(${at + 1})`);
    await this.page.locator(`body[data-state="live"]:has(#balance[data-value="${stats.tokenBalance}"])`
      + `:has(#used[data-value="${stats.tokensUsed}"])`
      + `:has(${rows.at(-1)}:last-child)${rows.map(row => `:has(${row})`).join('')}`).waitFor({ timeout });
    assert.equal(await this.page.evaluate(() => window.marked), true, 'the page was loaded anew');
    return { stats, transactions };
  }

  /** The text of the element with this id. */
  text(id) {
    return this.page.locator(`#${id}`).innerText();
  }

  /** Presses the button with this id. */
  press(id) {
    return this.page.locator(`#${id}`).click();
  }

  /** From now on the ids of all transactions that come over streams are kept in `told`. */
  async listenIn() {
    const session = await this.page.context().newCDPSession(this.page);
    session.on('Network.eventSourceMessageReceived', ({ eventName, eventId }) => {
      if (eventName === 'transaction') this.told.push(eventId);
    });
    await session.send('Network.enable');
  }

  /** Nothing was said to the console but what was to be expected. */
  keptHouse() {
    assert.deepEqual(this.said.filter(line => !this.expected.test(line)), []);
  }

  /** The page as it is, for somebody who wonders why a scenario failed. */
  async describe() {
    const text = await this.page.locator('body').innerText({ timeout: 1_000 }).catch(error => error.message);
    return `${this.url}: ${text}\nconsole: ${this.said.join('\n')}`;
  }
}

async function answered(response) {
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

/** Reads something of the test user's. */
export async function get(url, resource, query = '') {
  return answered(await fetch(`${url}/api/${resource}?userId=${USER}${query}`));
}

/** Changes something of the test user's. */
export async function post(url, resource, body) {
  const headers = { 'Content-Type': 'application/json' };
  return answered(await fetch(`${url}/api/${resource}`, { method: 'POST', headers, body: JSON.stringify({ userId: USER, ...body }) }));
}

/** Spends so many tokens. */
export const debit = (url, tokenCost) => post(url, 'generations', { tokenCost });
