/** The reading of Server-Sent Events, wherever their bytes are cut. The bytes come through a `fetch` of the test's own, so that it says where. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { isProblem, Jeton } from 'jeton';
import type { Event } from 'jeton';
import { pauses } from './pauses.js';

/** What a subscription tells of a stream that comes in these pieces; and with which id it then comes back. */
async function told(pieces: Uint8Array[]): Promise<{ events: Event[]; lastEventId: string | null }> {
  let lastEventId: string | null = null;
  let streams = 0;
  const jeton = new Jeton({
    url: 'http://127.0.0.1:1',
    fetch: async (_, init) => {
      streams += 1;
      if (streams === 1) return stream(pieces);
      lastEventId = new Headers(init?.headers).get('last-event-id');
      const problem = { code: 'forbidden', message: 'the end', status: 403 };
      return new Response(JSON.stringify(problem), { status: 403, headers: { 'content-type': 'application/problem+json' } });
    },
  });
  const events: Event[] = [];
  try {
    for await (const event of jeton.subscribe()) events.push(event);
  } catch (error) {
    assert.ok(isProblem(error, 'forbidden'), String(error));
  }
  return { events, lastEventId };
}

function stream(pieces: Uint8Array[]): Response {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
}

/** What stands in a stream, what it tells, and with which id one comes back from it. */
const ROWS: [name: string, text: string, events: [string, string | null, unknown][], lastEventId: string | null][] = [
  ['LF', 'event: stats\nid: 1-0\ndata: {"a":1}\n\n', [['stats', '1-0', { a: 1 }]], '1-0'],
  ['CRLF', 'event: stats\r\nid: 1-0\r\ndata: {"a":1}\r\n\r\n', [['stats', '1-0', { a: 1 }]], '1-0'],
  ['CR', 'event: stats\rid: 1-0\rdata: {"a":1}\r\r', [['stats', '1-0', { a: 1 }]], '1-0'],
  ['all of them', 'event: stats\rid: 1-0\r\ndata: {"a":1}\n\revent: stats\ndata: 2\r\n\n', [['stats', '1-0', { a: 1 }], ['stats', '1-0', 2]], '1-0'],
  ['a byte order mark', '\ufeffevent: stats\nid: 1-0\ndata: 1\n\n', [['stats', '1-0', 1]], '1-0'],
  ['only the first is one', 'event: stats\nid: 1-0\n\ufeffdata: 2\ndata: 1\n\n', [['stats', '1-0', 1]], '1-0'],
  ['comments', ':\n: alive\n\nevent: stats\n:data: 2\nid: 1-0\ndata: 1\n:\n\n: and so on\n\n', [['stats', '1-0', 1]], '1-0'],
  ['data on several lines', 'event: stats\nid: 1-0\ndata: {\ndata: "a":\ndata:1}\n\n', [['stats', '1-0', { a: 1 }]], '1-0'],
  ['a space, and no space', 'event:stats\nid:1-0\ndata:"x"\n\nevent: stats\nid: 2-0\ndata: " x "\n\n', [['stats', '1-0', 'x'], ['stats', '2-0', ' x ']], '2-0'],
  ['characters of several bytes', 'event: stats\nid: 1-0\ndata: "é€𝄞 génération"\n\n', [['stats', '1-0', 'é€𝄞 génération']], '1-0'],
  ['fields that are none', 'event: stats\nid: 1-0\nwhatever\nother: x\n data: 2\nDATA: 3\ndata: 1\n\n', [['stats', '1-0', 1]], '1-0'],
  ['an event without data', 'event: stats\nid: 1-0\n\nevent: stats\ndata: 1\n\n', [['stats', '1-0', 1]], '1-0'],
  ['an event that has no end', 'event: stats\nid: 1-0\ndata: 1\n\nevent: stats\nid: 2-0\ndata: 2\n', [['stats', '1-0', 1]], '1-0'],
  ['an event without a name, and one that came later', 'id: 1-0\ndata: 1\n\nevent: weather\nid: 2-0\ndata: sun\n\nevent: stats\nid: 3-0\ndata: 3\n\n', [['stats', '3-0', 3]], '3-0'],
  ['an id with a NUL', 'event: stats\nid: 1-0\ndata: 1\n\nevent: stats\nid: 2\0\ndata: 2\n\n', [['stats', '1-0', 1], ['stats', '1-0', 2]], '1-0'],
  ['a resync, which has no id', 'event: stats\nid: 1-0\ndata: 1\n\nevent: resync\ndata: {}\n\n', [['stats', '1-0', 1], ['resync', null, {}]], '1-0'],
  ['a colon in the data', 'event: transaction\nid: 1-0\ndata: {"a:b":"c: d"}\n\n', [['transaction', '1-0', { 'a:b': 'c: d' }]], '1-0'],
  ['an end of a line as a text', 'event: stats\nid: 1-0\ndata: "\\n"\n\n', [['stats', '1-0', '\n']], '1-0'],
];

for (const [name, text, events, lastEventId] of ROWS) {
  test(`${name}, cut at every byte`, async (context: TestContext) => {
    pauses(context);
    const bytes = new TextEncoder().encode(text);
    const cuts = [[bytes], Array.from(bytes, byte => Uint8Array.of(byte))];
    for (let at = 0; at <= bytes.length; at += 1) cuts.push([bytes.slice(0, at), bytes.slice(at)]);
    for (const pieces of cuts) {
      const expected = events.map(([event, id, data]) => ({ event, id, data }));
      assert.deepEqual(await told(pieces), { events: expected, lastEventId });
    }
  });
}

test('the stream says when one is to come back', async context => {
  const bytes = (text: string): Uint8Array[] => [new TextEncoder().encode(text)];
  for (const [text, least, most] of [
    ['retry: 5000\nevent: stats\nid: 1-0\ndata: 1\n\n', 2500, 5000],
    ['retry: 50\r\nevent: stats\nid: 1-0\ndata: 1\n\n', 25, 50],
    ['retry: soon\nevent: stats\nid: 1-0\ndata: 1\n\n', 500, 1000],
    ['retry: -1\nevent: stats\nid: 1-0\ndata: 1\n\n', 500, 1000],
  ] as const) {
    const asked = pauses(context);
    await told(bytes(text));
    assert.equal(asked.length, 1);
    assert.ok((asked[0] ?? 0) >= least && (asked[0] ?? 0) <= most, `${text}${asked}`);
    context.mock.restoreAll();
  }
});

test('data that is no JSON, and a stream that tells nothing, break the line', async context => {
  const asked = pauses(context);
  const lost: string[] = [];
  for (const text of ['event: stats\nid: 1-0\ndata: {\n\n', ': alive\n\n', '']) {
    let streams = 0;
    const jeton = new Jeton({
      url: 'http://127.0.0.1:1',
      fetch: async () => (streams += 1) <= 3 ? stream([new TextEncoder().encode(text)]) : stream([new TextEncoder().encode('event: resync\ndata: {}\n\n')]),
    });
    for await (const event of jeton.subscribe({}, { onConnection: (state, error) => lost.push(`${state} ${error?.message}`) })) {
      assert.equal(event.event, 'resync');
      break;
    }
  }
  const said = (what: string): string[] => [...Array<string>(3).fill(`lost GET /api/events: ${what}.`), 'live undefined'];
  const nothing = 'the stream ended before anything came';
  assert.deepEqual(lost, [...said('an event is no JSON'), ...said(nothing), ...said(nothing)]);
  // Each further one is waited for longer.
  assert.equal(asked.length, 9);
  for (const [at, least] of [1000, 2000, 4000].entries()) assert.ok((asked[at] ?? 0) >= least && (asked[at] ?? 0) <= least * 2, String(asked));
});
