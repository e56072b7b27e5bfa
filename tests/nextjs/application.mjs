// The example in Debian's Chromium: the tabs that a scenario opens, and Jeton beside them.
//
// A scenario speaks to the test that started it by lines: what it wants done, and at the end `done` or `failed`.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

// Where ./test installs it.
const { chromium } = createRequire(new URL('../../target/tools/browser/', import.meta.url))('playwright-core');

/** How long anything may take to happen, in milliseconds. */
const PATIENCE = 40_000;

/** Where the application and Jeton are, and the key between them. */
export const [APPLICATION, JETON, KEY] = process.argv.slice(2);

/** Says a line to the test. */
export const say = line => console.log(line);

/** Runs a scenario in a browser. It gets a function that opens tabs: see `Tab.open`. */
export async function scenario(work) {
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  const browser = await chromium.launch({ executablePath, args: ['--disable-quic', '--disable-dev-shm-usage'] });
  const tabs = [];
  let failed = false;
  try {
    await work(async (options = {}) => {
      const tab = await Tab.open(browser, options);
      tabs.push(tab);
      return tab;
    });
    for (const tab of tabs) await tab.keptHouse();
    say('done');
  } catch (error) {
    say(`failed: ${error.stack}`);
    for (const tab of tabs) say(await tab.describe());
    failed = true;
  }
  await browser.close();
  // Whatever the scenario has left open.
  process.exit(failed ? 1 : 0);
}

/** A tab with the application. */
export class Tab {
  /**
   * Opens it: in a browser of its own, or beside another tab in that one's (`beside`); with settings of the browser (`locale` and so on).
   * `expected` says which lines of the console, and which requests that failed, are no surprise.
   */
  static async open(browser, { beside, expected = /^$/, ...settings }) {
    const context = beside?.page.context() ?? await browser.newContext({ locale: 'fr-FR', timezoneId: 'Europe/Paris', ...settings });
    context.setDefaultTimeout(PATIENCE);
    const tab = new Tab(await context.newPage(), expected);
    await tab.page.addInitScript(() => {
      addEventListener('securitypolicyviolation', event => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    await tab.page.goto(APPLICATION);
    return tab;
  }

  constructor(page, expected) {
    Object.assign(this, { page, expected, said: [], got: [], actions: [] });
    page.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning') this.said.push(message.text());
    });
    page.on('pageerror', error => this.said.push(error.stack));
    page.on('request', request => {
      if (![APPLICATION, JETON].includes(new URL(request.url()).origin)) this.said.push(`elsewhere: ${request.url()}`);
      if (request.headers()['next-action']) this.actions.push(request);
    });
    page.on('requestfailed', request => {
      // What the page itself has left, as its stream when it goes, is no failure.
      const { errorText } = request.failure();
      if (errorText !== 'net::ERR_ABORTED') this.said.push(`failed: ${request.method()} ${request.url()} ${errorText}`);
    });
    page.on('response', response => {
      if (response.status() >= 400) this.said.push(`${response.status()}: ${response.url()}`);
      if (!/event-stream/.test(response.headers()['content-type'] ?? '')) this.got.push(response.body().catch(() => Buffer.of()));
    });
  }

  /** What this selects, by CSS. */
  at(selector) {
    return this.page.locator(selector);
  }

  /** Clicks on what this selects, by CSS and perhaps by a text in it, as somebody who looks at this tab. */
  async press(selector, { text = '', clicks = 1 } = {}) {
    await this.page.bringToFront();
    await this.at(selector).filter({ hasText: text }).click({ clickCount: clicks });
  }

  /** Signs in with the button for the test user, or under this name. */
  async signIn(user) {
    if (user === undefined) {
      await this.press('.sign-in button.main');
    } else {
      await this.at('#user').fill(user);
      await this.at('#user').press('Enter');
    }
    await this.at('#signed-in').waitFor();
    await this.is('live');
  }

  /** Waits until the page says that it is so: `live`, `lost`. */
  async is(state) {
    await this.at(`.connection[data-state="${state}"]`).waitFor();
  }

  /** Waits until the balance is this, and the newest entry of the history has this description and this amount. */
  async shows(balance, description, amount) {
    await until(`${balance}, ${description} ${amount}`, async () => [await this.balance(), ...await this.newest()].join(), [balance, description, amount].join());
  }

  /** The balance, as a number. */
  async balance() {
    return number(await this.at('.numbers output').innerText());
  }

  /** Description and amount of the newest entry of the history. */
  async newest() {
    const [, description, amount] = await this.at('#entries tr:first-child td').allInnerTexts();
    return [description, number(amount)];
  }

  /** The ids of all entries that the page shows. */
  async entries() {
    return this.at('#entries tr').evaluateAll(rows => rows.map(row => row.dataset.id));
  }

  /** Generates with the form of this id, and waits for the text: `article`, `product`. */
  async generate(form) {
    await this.press(`#${form} button.main`);
    await this.at(`#${form} .text[aria-busy="false"]`).filter({ visible: true }).waitFor();
    return this.at(`#${form} .text`).innerText();
  }

  /** Does this while the answers of all server actions are lost on their way: they are done, and the page is not told. */
  async withoutAnswers(work) {
    const lose = async route => {
      if (!route.request().headers()['next-action']) return route.fallback();
      await route.fetch();
      return route.abort();
    };
    await this.page.route('**', lose);
    await work();
    await this.page.unroute('**', lose);
  }

  /**
   * Takes a picture for the README, with `SCREENSHOTS=examples/nextjs/screenshots cargo test nextjs::one_command`: of what this selects, of
   * the whole page (`html`), or of what the window has of its top.
   */
  async picture(name, selector) {
    const folder = process.env.SCREENSHOTS;
    if (!folder) return;
    // No focus, and nothing that blinks.
    await this.page.evaluate(() => {
      document.activeElement?.blur();
      scrollTo(0, 0);
    });
    const options = { animations: 'disabled', fullPage: selector === 'html' };
    const picture = await (selector && !options.fullPage ? this.at(selector) : this.page).screenshot(options);
    // Few colours make a small file. Next.js brings what does it.
    const sharp = createRequire(new URL('../../examples/nextjs/', import.meta.url))('sharp');
    await sharp(picture).png({ palette: true, colours: 64, effort: 10 }).toFile(`${folder}/${name}.png`);
  }

  /** All that the server has sent to this tab so far, but the streams of events. */
  async everything() {
    return Buffer.concat(await Promise.all(this.got)).toString('latin1');
  }

  /** Nothing was said to the console, asked of others, or refused, but what was to be expected. */
  async keptHouse() {
    assert.deepEqual(this.said.filter(line => !this.expected.test(line)), []);
  }

  /** The page as it is, for somebody who wonders why a scenario failed. */
  async describe() {
    const text = await this.at('body').innerText({ timeout: 1_000 }).catch(error => error.message);
    return `${this.page.url()}: ${text}\nconsole: ${this.said.join('\n')}`;
  }
}

/** Waits until `look` sees what is wanted. */
export async function until(what, look, wanted) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (seen === wanted) return;
    if (Date.now() > deadline) assert.equal(seen, wanted, `it did not come about: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

/** A number as it was before somebody wrote it in a language. */
const number = text => Number(text.replace('−', '-').replace(/[^\d-]/g, ''));

/** Asks Jeton, as the application's server does. */
export async function jeton(method, path, body) {
  const headers = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' };
  const response = await fetch(`${JETON}/api/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

/** Sends what a server action was called with once more, with these headers in the place of the browser's, and perhaps another body. */
export async function again(request, changed = {}, body = request.postDataBuffer()) {
  const headers = { ...await request.allHeaders(), ...changed };
  for (const name of Object.keys(headers)) if (name.startsWith(':') || headers[name] === undefined) delete headers[name];
  delete headers['content-length'];
  return fetch(request.url(), { method: 'POST', headers, body });
}
