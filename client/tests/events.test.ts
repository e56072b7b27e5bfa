/** Following an account over streams that end, each after a second, and lines that break. */

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isProblem, Jeton, JetonUnexpected } from 'jeton';
import type { Event } from 'jeton';
import { Answers, refuse } from './answers.js';
import { client, failure, somebody, spender, url } from './deployment.js';
import { Follower } from './follower.js';
import { Line } from './line.js';
import { pauses } from './pauses.js';

const jeton = client();
const spend = async (userId: string): Promise<void> => { await jeton.recordGeneration({ userId, tokenCost: 1 }); };

test('the account comes first, and then every change', async () => {
  const userId = await spender(2);
  const told: string[] = [];
  for await (const event of jeton.subscribe({ userId })) {
    told.push(event.event === 'stats' ? `stats ${event.data.tokenBalance}` : `${event.event} ${event.id}`);
    if (told.length === 1) await spend(userId);
    if (event.event === 'stats' && event.data.tokenBalance === 4997) break;
  }
  assert.equal(told.length, 3);
  assert.deepEqual([told[0], told[2]], ['stats 4998', 'stats 4997']);
  assert.match(told[1] ?? '', /^transaction \d+-\d+$/);
});

test('streams that end lose and repeat nothing, and are not lost', async context => {
  pauses(context);
  const userId = await spender(3);
  const line = await Line.to(url);
  const follower = new Follower(client({ url: line.url }), userId);
  while (line.keys.length < 4) await spend(userId);
  await follower.toldAllOf(userId);
  assert.deepEqual(follower.said, ['live']);
  line.close();
});

test('lines that are cut lose and repeat nothing', async context => {
  pauses(context);
  const userId = await spender(1);
  const line = await Line.to(url);
  const follower = new Follower(client({ url: line.url }), userId);
  for (let cuts = 1; cuts <= 20; cuts += 1) {
    // Whatever of them has been told by then.
    for (let debit = 0; debit < cuts % 4; debit += 1) await spend(userId);
    line.cut();
    await line.until(() => line.keys.length > cuts);
  }
  await spend(userId);
  await follower.toldAllOf(userId);
  assert.ok(follower.said.includes('lost: unreachable'), inspect(follower.said));
  assert.equal(follower.said.at(-1), 'live');
  line.close();
});

test('lines that are cut in the middle of an event lose and repeat nothing', async context => {
  pauses(context);
  const userId = await spender(5);
  // The first piece that comes is cut in two.
  const line = await Line.to(url, () => line.keys.length <= 20 ? 'halved' : 'passes');
  const follower = new Follower(client({ url: line.url }), userId);
  while (line.keys.length <= 20) await spend(userId);
  await follower.toldAllOf(userId);
  line.close();
});

test('a line that is dead without a word is left for another', async context => {
  pauses(context);
  const userId = await spender(1);
  const line = await Line.to(url);
  const follower = new Follower(client({ url: line.url }), userId, { silenceMs: 3_000 });
  await follower.caughtUp(userId);
  // Each stream ends soon: this shows that there is one.
  const { length: before } = follower.events;
  await spend(userId);
  await follower.until(() => follower.events.length > before);
  line.silence();
  await spend(userId);
  await follower.toldAllOf(userId);
  assert.deepEqual(follower.said, ['live', 'lost: timeout', 'live']);
  line.close();
});

test('a server that takes the call and says nothing is left, too', async context => {
  pauses(context);
  const userId = await spender(1);
  const line = await Line.to(url, () => line.keys.length === 1 ? 'silent' : 'passes');
  const follower = new Follower(client({ url: line.url, timeoutMs: 5_000 }), userId);
  await follower.toldAllOf(userId);
  assert.deepEqual(follower.said, ['lost: timeout', 'live']);
  line.close();
});

test('a reset says to read anew, and the stream goes on', async context => {
  pauses(context);
  const userId = await spender(2);
  const follower = new Follower(jeton, userId);
  await follower.caughtUp(userId);
  await jeton.reset({ userId });
  await follower.until(() => follower.events.some(({ event }) => event === 'resync'));
  const at = follower.events.findIndex(({ event }) => event === 'resync');
  assert.deepEqual(follower.events[at], { event: 'resync', id: null, data: {} });
  await spend(userId);
  await follower.caughtUp(userId);
  await follower.leave();
  const after = follower.events.slice(at + 1);
  assert.equal(after[0]?.event, 'stats');
  assert.equal(after.find(({ event }) => event === 'stats')?.id, after[0].id);
  assert.deepEqual(follower.said, ['live']);
});

test('a place that is not in the history says to read anew', async () => {
  for await (const event of jeton.subscribe({ userId: somebody(), lastEventId: '1-1' })) {
    assert.equal(event.event, 'resync');
    break;
  }
});

test('an abort ends it at once with its reason, and its connection', async () => {
  const userId = await spender(1);
  const line = await Line.to(url);
  const abort = new AbortController();
  const events = client({ url: line.url }).subscribe({ userId }, { signal: abort.signal })[Symbol.asyncIterator]();
  await events.next();
  // It waits for an event that does not come.
  const next = failure(events.next());
  const reason = new Error('nobody looks at it');
  abort.abort(reason);
  assert.equal(await next, reason);
  await line.until(() => line.closed === 1);
  assert.deepEqual(await events.next(), { done: true, value: undefined });
  const never = client({ url: line.url }).subscribe({ userId }, { signal: abort.signal })[Symbol.asyncIterator]();
  assert.equal(await failure(never.next()), reason);
  assert.equal(line.keys.length, 1);
  line.close();
});

test('an abort in the loop is the last that is told', async () => {
  const userId = await spender(5);
  const abort = new AbortController();
  const told: Event[] = [];
  const loop = async (): Promise<void> => {
    for await (const event of jeton.subscribe({ userId, lastEventId: '0-0' }, { signal: abort.signal })) {
      told.push(event);
      abort.abort();
    }
  };
  assert.equal(await failure(loop()), abort.signal.reason);
  assert.equal(told.length, 1);
});

test('leaving the loop ends its connection', async () => {
  const userId = await spender(1);
  const line = await Line.to(url);
  for await (const event of client({ url: line.url }).subscribe({ userId })) {
    assert.equal(event.event, 'stats');
    break;
  }
  await line.until(() => line.closed === 1);
  line.close();
});

test('it can be left while it waits, and begun anew', async () => {
  const userId = await spender(1);
  const line = await Line.to(url);
  const subscription = client({ url: line.url }).subscribe({ userId });
  for (let round = 1; round <= 2; round += 1) {
    const events = subscription[Symbol.asyncIterator]();
    assert.equal((await events.next()).done, false);
    const next = events.next();
    await events.return?.();
    assert.deepEqual(await next, { done: true, value: undefined });
    await line.until(() => line.closed === round);
    assert.equal(line.keys.length, round);
  }
  line.close();
});

test('what coming back cannot help is thrown', async () => {
  const { token } = await jeton.createSession({ userId: somebody() });
  const rows = [
    ['unauthenticated', client({ key: 'another-secret' }).subscribe({ userId: somebody() })],
    ['unauthenticated', client({ key: undefined, session: 'no.session.atall' }).subscribe()],
    ['forbidden', client({ key: undefined, session: token }).subscribe({ userId: somebody() })],
    ['invalid_field', jeton.subscribe({ userId: 'ä' })],
  ] as const;
  for (const [code, events] of rows) {
    const error = await failure(events[Symbol.asyncIterator]().next());
    assert.ok(isProblem(error, code), inspect(error));
  }
});

test('where there is no Jeton, that is thrown', async () => {
  const rows: [number, Record<string, string>][] = [
    [404, { 'content-type': 'text/html' }], [308, { location: 'https://tokens.example/' }], [200, { 'content-type': 'text/html' }],
    [401, { 'content-type': 'text/html' }],
  ];
  for (const [status, headers] of rows) {
    const answers = await Answers.by(response => response.writeHead(status, headers).end('<html>'));
    const error = await failure(new Jeton({ url: answers.url }).subscribe()[Symbol.asyncIterator]().next());
    assert.ok(error instanceof JetonUnexpected && error.status === status, inspect(error));
    assert.equal(answers.requests.length, 1);
    answers.close();
  }
});

/** A stream of Jeton's with these lines. */
function streamed(response: ServerResponse, lines: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(lines);
}

test('a page that stands in for a Jeton that was there passes', async context => {
  pauses(context);
  const answers = await Answers.by((response, _, attempt) => {
    if (attempt % 2 === 0) response.writeHead(404, { 'content-type': 'text/html' }).end('<html>');
    else streamed(response, `event: resync\ndata: {}\n\n`);
  });
  const events = new Jeton({ url: answers.url }).subscribe()[Symbol.asyncIterator]();
  for (let round = 0; round < 3; round += 1) assert.equal((await events.next()).value?.event, 'resync');
  await events.return?.();
  answers.close();
});

test('a line may be silent for ever', async () => {
  const userId = await spender(1);
  const follower = new Follower(jeton, userId, { silenceMs: Infinity });
  await follower.caughtUp(userId);
  // This takes a while: a line that was dead at once would be gone.
  for (let debit = 0; debit < 3; debit += 1) await spend(userId);
  await follower.toldAllOf(userId);
  assert.deepEqual(follower.said, ['live']);
});

test('an event that is none of Jeton\'s is a line that breaks', async context => {
  pauses(context);
  const answers = await Answers.by((response, _, attempt) => {
    streamed(response, attempt === 1 ? 'event: stats\nid: 1-0\ndata: null\n\n' : 'event: resync\ndata: {}\n\n');
  });
  const events = new Jeton({ url: answers.url }).subscribe()[Symbol.asyncIterator]();
  assert.equal((await events.next()).value?.event, 'resync');
  await events.return?.();
  answers.close();
});

test('a wait that no timer takes is as long as one can be', async context => {
  const asked = pauses(context);
  const answers = await Answers.by((response, _, attempt) => {
    if (attempt === 1) refuse(response, 429, 'rate_limited', { 'retry-after': '10000000' });
    else streamed(response, 'event: resync\ndata: {}\n\n');
  });
  const events = new Jeton({ url: answers.url }).subscribe()[Symbol.asyncIterator]();
  await events.next();
  await events.return?.();
  assert.deepEqual(asked, [2 ** 31 - 1]);
  answers.close();
});

test('a stream that asks for no pause gets one all the same', async context => {
  const asked = pauses(context);
  const answers = await Answers.by(response => streamed(response, 'retry: 0\n\nevent: resync\ndata: {}\n\n'));
  const events = new Jeton({ url: answers.url }).subscribe()[Symbol.asyncIterator]();
  for (let round = 0; round < 4; round += 1) await events.next();
  await events.return?.();
  assert.equal(asked.length, 3);
  assert.ok(asked.every(ms => ms >= 25), inspect(asked));
  answers.close();
});
