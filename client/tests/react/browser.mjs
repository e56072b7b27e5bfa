// Debian's Chromium, the pages that a scenario opens in it, and Jeton beside them.
//
// A scenario gets Jeton's address and the port of its own site, whose pages may call Jeton, and a key in the environment. It speaks to the
// test that started it by lines: what it wants done, and at the end `done` or `failed`.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { Site, Way } from './site.mjs';

// Where ./test installs it.
const { chromium } = createRequire(new URL('../../../target/tools/browser/', import.meta.url))('playwright-core');

/** How long anything may take to happen, in milliseconds. */
const PATIENCE = 40_000;
/** The secret of a key that may do everything. */
const SECRET = process.env.JETON_API_KEY;

/** Says a line to the test. */
export const say = line => console.log(line);

/** To be done to a page before: it keeps in mind whether it has had what this selector is of, however short that was. See `Page.noted`. */
export const noting = selector => tab => tab.addInitScript(selector => {
  const note = () => { if (document.querySelector(selector)) window.noted = true; };
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true });
}, selector);

/** Jeton itself, as a server calls it. */
class Ledger {
  constructor(url) {
    this.url = url;
  }

  async call(path, init) {
    const headers = { Authorization: `Bearer ${SECRET}`, 'Content-Type': 'application/json' };
    const response = await fetch(`${this.url}/api/${path}`, { ...init, headers });
    const answer = await response.json();
    assert.ok(response.ok, JSON.stringify(answer));
    return answer;
  }

  post(path, body) {
    return this.call(path, { method: 'POST', body: JSON.stringify(body) });
  }

  /** Spends so many tokens. */
  debit(userId, tokenCost) {
    return this.post('generations', { userId, tokenCost });
  }

  stats(userId) {
    return this.call(`stats?userId=${userId}`);
  }

  async history(userId, limit = 50) {
    const { transactions } = await this.call(`transactions?userId=${userId}&limit=${limit}`);
    return transactions;
  }
}

/**
 * Runs a scenario. It gets Jeton, the site, the way between the browser and Jeton, and `open`, which opens pages: see `Page.open`.
 */
export async function scenario(work) {
  const [url, port] = process.argv.slice(2);
  const jeton = new Ledger(url);
  const [site, way] = await Promise.all([Site.open(Number(port), jeton), Way.open(url)]);
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  const browser = await chromium.launch({
    executablePath,
    args: ['--disable-quic', '--disable-dev-shm-usage'],
    // Pages are kept aside for the way back, as they are for people.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
  const pages = [];
  let failed = false;
  const late = setTimeout(() => {
    say('failed: it takes too long');
    process.exit(1);
  }, PATIENCE * 3);
  try {
    await work({
      jeton,
      site,
      way,
      open: async (query, options = {}) => {
        const page = await Page.open(browser, { jeton, site, way }, query, options);
        pages.push(page);
        return page;
      },
    });
    for (const page of pages) await page.keptHouse();
    say('done');
  } catch (error) {
    say(`failed: ${error.stack}`);
    for (const page of pages.filter(page => !page.gone)) say(await page.describe());
    failed = true;
  }
  clearTimeout(late);
  await browser.close();
  // Whatever the scenario has left open.
  process.exit(failed ? 1 : 0);
}

/** A page in the browser. */
export class Page {
  /**
   * Opens a page with this query: in a context of its own, or beside another page in that one's (`beside`); after what is to be done to
   * it before (`prepare`). `expected` says which lines of the console are no surprise.
   */
  static async open(browser, world, query, { beside, prepare = () => {}, expected = /^$/ }) {
    const context = beside?.tab.context() ?? await browser.newContext({ locale: 'fr-FR' });
    context.setDefaultTimeout(PATIENCE);
    const page = new Page(await context.newPage(), world, expected);
    await prepare(page.tab);
    const address = new URL(world.site.url);
    for (const [name, value] of Object.entries({ url: world.way.url, ...query })) address.searchParams.set(name, value);
    await page.tab.goto(address.href);
    return page;
  }

  constructor(tab, world, expected) {
    Object.assign(this, { tab, expected, said: [], gone: false, streamed: 0 }, world);
    tab.on('request', request => {
      if (request.url().includes('/api/events') && request.method() === 'GET') this.streamed = Date.now();
    });
    tab.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning') this.said.push(message.text());
    });
    tab.on('pageerror', error => this.said.push(error.stack));
  }

  /** Waits until both components, and the balance, show this user's account as Jeton tells it, live. */
  async shows(user, { length = 50 } = {}) {
    const [stats, history] = [await this.jeton.stats(user), await this.jeton.history(user, length)];
    const state = `[data-user="${user}"][data-balance="${stats.tokenBalance}"]`
      + `[data-history="${history.map(({ id }) => id).join(' ')}"][data-live="true"][data-loading="false"]:not([data-error])`;
    await this.has(`#one${state}`);
    await this.has(`#two${state}`);
    await this.has('#balance[data-state="live"]');
    return { stats, history };
  }

  /** Waits until the page has what this selector is of. */
  async has(selector) {
    await this.tab.locator(selector).first().waitFor({ state: 'attached' });
  }

  /** Waits until the page has had what it was to note: see `noting`. */
  async noted() {
    await this.tab.waitForFunction(() => window.noted);
  }

  /** Does one of the things that the page offers. */
  async control(name, ...values) {
    await this.tab.evaluate(([name, values]) => window.controls[name](...values), [name, values]);
  }

  /** The text of the element with this id. */
  text(id) {
    return this.tab.locator(`#${id}`).innerText();
  }

  /** Closes it. */
  async close() {
    await this.keptHouse();
    this.gone = true;
    await this.tab.close();
  }

  /** What must never be was not, and nothing was said to the console but what was to be expected. */
  async keptHouse() {
    if (this.gone) return;
    assert.deepEqual(await this.tab.evaluate(() => window.wrong ?? []), []);
    assert.deepEqual(this.said.filter(line => !this.expected.test(line)), []);
  }

  /** The page as it is, for somebody who wonders why a scenario failed. */
  async describe() {
    const body = await this.tab.locator('body').innerHTML({ timeout: 1_000 }).catch(error => error.message);
    const html = body.replaceAll(/<script[\s\S]*?<\/script>/g, '').replaceAll(/(data-history="(?:\S+ ){3})[^"]*/g, '$1…');
    const wrong = await this.tab.evaluate(() => window.wrong).catch(error => error.message);
    return `${this.tab.url()}: ${html}\nwrong: ${wrong}\nconsole: ${this.said.join('\n')}`;
  }
}
