/** User tokens, and how another one comes in time. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isProblem, JetonError, JetonUnreachable } from 'jeton';
import type { JetonOptions } from 'jeton';
import { client, failure, setting, somebody, spender, url } from './deployment.js';
import { Follower } from './follower.js';
import { Line } from './line.js';
import { pauses } from './pauses.js';

const server = client();
/** A client in the place of a browser. */
const browser = (session: JetonOptions['session'], options = {}): ReturnType<typeof client> => client({ key: undefined, session, ...options });

/** A token that ended so many seconds ago, and lasted a minute. */
function ended(userId: string, secondsAgo: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) - secondsAgo;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: userId, iat: exp - 60, exp })}`;
  return `${signed}.${createHmac('sha256', setting('JETON_JWT_SECRET')).update(signed).digest('base64url')}`;
}

test('a token that is about to end is replaced before, and a stream goes on without being lost', async context => {
  pauses(context);
  const userId = await spender(1);
  let asked = 0;
  const session = async (): Promise<string> => {
    asked += 1;
    return (await server.createSession({ userId, ttlSeconds: 1 })).token;
  };
  const line = await Line.to(url);
  const follower = new Follower(browser(session, { url: line.url }), userId);
  while (asked < 3) await server.recordGeneration({ userId, tokenCost: 1 });
  await follower.toldAllOf(userId);
  assert.deepEqual(follower.said, ['live']);
  line.close();
});

test('one that lasts is asked for once, for all calls at the same time', async () => {
  const userId = somebody();
  let asked = 0;
  const jeton = browser(async () => {
    asked += 1;
    return (await server.createSession({ userId })).token;
  });
  await Promise.all([jeton.getStats(), jeton.listTransactions(), jeton.getUsage()]);
  await jeton.getStats();
  assert.equal(asked, 1);
});

test('one that was refused is replaced, in the same attempt', async () => {
  const userId = somebody();
  const tokens = [ended(userId, 40), (await server.createSession({ userId })).token];
  let asked = 0;
  const jeton = browser(() => tokens[asked++] ?? assert.fail('it was asked once more'), { retries: 0 });
  assert.equal((await jeton.getStats()).memberId, userId);
  assert.equal(asked, 2);
});

test('one that is refused again is a refusal, of a call and of a subscription', async () => {
  const userId = somebody();
  let asked = 0;
  const jeton = browser(() => {
    asked += 1;
    return ended(userId, 40);
  });
  assert.ok(isProblem(await failure(jeton.getStats()), 'unauthenticated'));
  assert.equal(asked, 2);
  const events = jeton.subscribe()[Symbol.asyncIterator]();
  assert.ok(isProblem(await failure(events.next()), 'unauthenticated'));
  assert.equal(asked, 4);
});

test('a token that nobody can replace ends a subscription when it has ended', async context => {
  pauses(context);
  const userId = await spender(1);
  // Good for half a second or more: a server takes a token for 30 s after its end.
  const follower = new Follower(browser(ended(userId, 29)), userId);
  await follower.until(() => follower.error !== undefined).catch(() => undefined);
  assert.ok(isProblem(follower.error, 'unauthenticated'), inspect(follower.error));
});

test('what fails to get one is asked again, and is the cause in the end', async context => {
  pauses(context);
  const userId = await spender(1);
  const down = new TypeError('fetch failed');
  let asked = 0;
  const session = async (): Promise<string> => {
    asked += 1;
    if (asked < 3) throw down;
    return (await server.createSession({ userId })).token;
  };
  assert.equal((await browser(session).getStats()).memberId, userId);
  assert.equal(asked, 3);
  asked = 0;
  const error = await failure(browser(session, { retries: 1 }).getStats());
  assert.ok(error instanceof JetonUnreachable);
  assert.equal(error.cause, down);
  assert.equal(asked, 2);

  asked = 0;
  const follower = new Follower(browser(session), userId);
  await follower.toldAllOf(userId);
  assert.deepEqual(follower.said, ['lost: unreachable', 'lost: unreachable', 'live']);
});

test('what never gets one is a timeout', async () => {
  const error = await failure(browser(() => new Promise(() => undefined), { retries: 0, timeoutMs: 200 }).getStats());
  assert.ok(error instanceof JetonUnreachable && error.code === 'timeout', inspect(error));
});

test('who waited in vain asks anew, and what comes late does not replace what came since', async () => {
  const userId = somebody();
  const { token } = await server.createSession({ userId });
  let asked = 0;
  let come = (_: string): void => undefined;
  const late = new Promise<string>(resolve => { come = resolve; });
  const jeton = browser(() => {
    asked += 1;
    return asked === 1 ? late : token;
  }, { retries: 0 });
  assert.ok(await failure(jeton.getStats({}, { timeoutMs: 200 })) instanceof JetonUnreachable);
  assert.equal((await jeton.getStats()).memberId, userId);
  come(ended(userId, 40));
  await late;
  await jeton.getStats();
  assert.equal(asked, 2);
});

test('what is slow is good for whoever comes then', async () => {
  const userId = somebody();
  const { token } = await server.createSession({ userId });
  let come = (): void => undefined;
  let asked = 0;
  const jeton = browser(() => {
    asked += 1;
    return asked === 1 ? new Promise(resolve => { come = () => resolve(token); }) : assert.fail('it was asked once more');
  }, { retries: 0 });
  assert.ok(await failure(jeton.getStats({}, { timeoutMs: 200 })) instanceof JetonUnreachable);
  come();
  await new Promise(resolve => setImmediate(resolve));
  assert.equal((await jeton.getStats()).memberId, userId);
});

test('what gets something else is told, and not what it got', async () => {
  for (const token of ['', 'two words', undefined as unknown as string]) {
    const error = await failure(browser(() => token).getStats());
    assert.ok(error instanceof JetonError && error.code === 'invalid_argument', inspect(error));
    assert.doesNotMatch(inspect(error), /two words/);
  }
});
