/** Answers that come part by part. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateText, simulateReadableStream, streamObject, streamText } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { isProblem, type Stats } from 'jeton';
import { z } from 'zod';
import { account, answer, finish, openStream, spending, streamOf, TEXT, UNKNOWN, until, usage, userWith, watched, type Part } from './support.js';

const UNTOUCHED = { balance: 100, reserved: 0, debits: [], entries: [] };

/** A model that streams these parts. */
function streaming(parts: Part[]): MockLanguageModelV4 {
  return new MockLanguageModelV4({ doStream: async () => streamOf(parts) });
}

/** All parts that the SDK gives, and what it told `onError`. */
async function parts(options: Omit<Parameters<typeof streamText>[0], 'prompt' | 'onError'>) {
  const errors: unknown[] = [];
  const result = streamText({ ...options, prompt: 'Bonjour', onError: ({ error }) => { errors.push(error); } } as Parameters<typeof streamText>[0]);
  const all = [];
  for await (const part of result.fullStream) all.push(part);
  return { types: all.map(({ type }) => type), text: all.map(part => part.type === 'text-delta' ? part.text : '').join(''), errors };
}

test('what was used is captured before the stream says that it is finished', async () => {
  const userId = await userWith(100);
  const spend = spending(userId, streaming([...TEXT, finish(usage([2, 3]))]), { contentType: 'ARTICLE' });
  const { stream } = await spend.doStream({ prompt: [] });
  assert.equal((await account(userId)).reserved, 10);
  const types = [];
  for await (const part of stream) {
    types.push(part.type);
    if (part.type === 'finish') assert.deepEqual((await account(userId)).debits, [5]);
  }
  assert.deepEqual(types, [...TEXT.map(({ type }) => type), 'finish']);
  const { balance, reserved } = await account(userId);
  assert.deepEqual([balance, reserved, spend.told], [95, 0, { shortfalls: [], errors: [] }]);
});

test('streamText and streamObject give the answer and charge it', async () => {
  const userId = await userWith(100);
  const { text, errors } = await parts({ model: spending(userId, streaming([...TEXT, finish(usage([2, 3]))])) });
  assert.deepEqual([text, errors], ['Bonjour', []]);
  const json: Part[] = [
    { type: 'text-start', id: '1' },
    { type: 'text-delta', id: '1', delta: '{"title":' },
    { type: 'text-delta', id: '1', delta: '"Bonjour"}' },
    { type: 'text-end', id: '1' },
    finish(usage([1, 1])),
  ];
  const result = streamObject({ model: spending(userId, streaming(json)), schema: z.object({ title: z.string() }), prompt: 'Bonjour' });
  for await (const _ of result.partialObjectStream);
  assert.deepEqual(await result.object, { title: 'Bonjour' });
  assert.deepEqual((await account(userId)).debits, [5, 2]);
});

test('without enough tokens the model is not called, and the refusal is the stream\'s error', async () => {
  const userId = await userWith(9);
  const model = streaming([...TEXT, finish(usage([1, 1]))]);
  const { types, errors } = await parts({ model: spending(userId, model) });
  assert.equal(model.doStreamCalls.length, 0);
  assert.ok(types.includes('error') && !types.includes('text-delta'), types.join());
  assert.ok(errors.length > 0 && isProblem(errors[0], 'insufficient_tokens'));
});

test('a model that throws before any part gives all back', async () => {
  const userId = await userWith(100);
  const broken = new Error('the model broke');
  const model = new MockLanguageModelV4({ doStream: async () => { throw broken; } });
  const { errors } = await parts({ model: spending(userId, model) });
  assert.deepEqual([errors, await account(userId)], [[broken], UNTOUCHED]);
});

test('a stream that breaks in the middle gives all back', async () => {
  const userId = await userWith(100);
  const broken = new Error('the model broke');
  const model = new MockLanguageModelV4({
    doStream: async () => {
      const opened = openStream();
      queueMicrotask(() => opened.controller.error(broken));
      return opened;
    },
  });
  const spend = spending(userId, model);
  const { stream } = await spend.doStream({ prompt: [] });
  await assert.rejects(async () => { for await (const _ of stream); }, broken);
  assert.deepEqual(await account(userId), UNTOUCHED);
});

test('an error among the parts gives all back, but for what the model says it used', async () => {
  const broken = new Error('the model broke');
  const failed = { type: 'finish', finishReason: { unified: 'error', raw: undefined } } as const;
  const error = { type: 'error', error: broken } as const;
  for (const [end, debits] of [
    [[error], []],
    [[error, { ...failed, usage: UNKNOWN }], []],
    [[error, { ...failed, usage: usage([4, 1]) }], [5]],
    [[error, finish(UNKNOWN)], []],
    [[{ ...failed, usage: UNKNOWN }], []],
  ] as const) {
    const userId = await userWith(100);
    const { errors, text } = await parts({ model: spending(userId, streaming([...TEXT, ...end])) });
    assert.deepEqual([text, errors[0]], ['Bonjour', end[0] === error ? broken : undefined]);
    const { reserved, debits: found } = await account(userId);
    assert.deepEqual([reserved, found], [0, debits]);
  }
});

test('a stream that the SDK tries again is given back, and set aside anew', async () => {
  const userId = await userWith(12);
  const { jeton, actions } = watched();
  const broken: Part[] = [...TEXT.slice(0, 3), { type: 'error', error: new Error('the model broke') }];
  const model = new MockLanguageModelV4({ doStream: [streamOf(broken), streamOf([...TEXT, finish(usage([2, 3]))])] });
  await parts({ model: spending(userId, model, { jeton }), streamRetries: 1 });
  assert.deepEqual(actions, ['reserve', 'release', 'reserve', 'capture']);
  assert.deepEqual((await account(userId)).debits, [5]);
});

test('a stream that ends without saying so gives all back', async () => {
  const userId = await userWith(100);
  await parts({ model: spending(userId, streaming(TEXT)) });
  assert.deepEqual(await account(userId), UNTOUCHED);
});

test('a finished answer that does not say what it used costs the estimate', async () => {
  const userId = await userWith(100);
  await parts({ model: spending(userId, streaming([...TEXT, finish(UNKNOWN)])) });
  assert.deepEqual((await account(userId)).debits, [10]);
});

test('an abort in the middle gives all back, also where the model and the reader take no notice', async () => {
  const userId = await userWith(100);
  const abort = new AbortController();
  const spend = spending(userId, new MockLanguageModelV4({ doStream: async () => openStream() }));
  const { stream } = await spend.doStream({ prompt: [], abortSignal: abort.signal });
  const reader = stream.getReader();
  await reader.read();
  abort.abort();
  await until(userId, ({ tokensReserved }) => tokensReserved === 0);
  assert.deepEqual(await account(userId), UNTOUCHED);
});

test('an abort of streamText ends the model\'s stream and gives all back', async () => {
  const userId = await userWith(100);
  const abort = new AbortController();
  const opened = openStream();
  const model = spending(userId, new MockLanguageModelV4({ doStream: async () => opened }));
  const types: string[] = [];
  for await (const { type } of streamText({ model, prompt: 'Bonjour', abortSignal: abort.signal }).fullStream) {
    types.push(type);
    if (type === 'text-end') abort.abort();
  }
  assert.equal(types.at(-1), 'abort');
  await opened.left;
  await until(userId, ({ tokensReserved }) => tokensReserved === 0);
  assert.deepEqual([await account(userId), model.told.errors], [UNTOUCHED, []]);
});

test('who leaves the stream waits until all has gone back', async () => {
  const userId = await userWith(100);
  const opened = openStream();
  const { stream } = await spending(userId, new MockLanguageModelV4({ doStream: async () => opened })).doStream({ prompt: [] });
  for await (const part of stream) if (part.type === 'text-delta') break;
  assert.deepEqual(await account(userId), UNTOUCHED);
  await opened.left;
});

test('who leaves while the next part is waited for gets all back, too', async () => {
  const userId = await userWith(100);
  const reason = new Error('seen enough');
  const opened = openStream([]);
  const { stream } = await spending(userId, new MockLanguageModelV4({ doStream: async () => opened })).doStream({ prompt: [] });
  const reader = stream.getReader();
  const read = reader.read();
  await reader.cancel(reason);
  assert.deepEqual([await read, await opened.left], [{ done: true, value: undefined }, reason]);
  assert.deepEqual(await account(userId), UNTOUCHED);
});

test('what a stream has captured stays captured when it is left after that', async () => {
  const userId = await userWith(100);
  const { stream } = await spending(userId, streaming([...TEXT, finish(usage([2, 3]))])).doStream({ prompt: [] });
  for await (const part of stream) if (part.type === 'finish') break;
  assert.deepEqual((await account(userId)).debits, [5]);
});

test('two streams at once on the last tokens: one answers, one is refused', async () => {
  const userId = await userWith(12);
  const spend = spending(userId, streaming([...TEXT, finish(usage([5, 5]))]));
  const both = await Promise.all([parts({ model: spend }), parts({ model: spend })]);
  assert.deepEqual(both.map(({ text }) => text).sort(), ['', 'Bonjour']);
  const refused = both.find(({ text }) => text === '');
  assert.ok(isProblem(refused?.errors[0], 'insufficient_tokens'));
  const { balance, reserved, debits } = await account(userId);
  assert.deepEqual([balance, reserved, debits], [2, 0, [10]]);
});

test('two streams at once with enough tokens are two charges', async () => {
  const userId = await userWith(100);
  const [first, second] = [openStream(), openStream()];
  const model = new MockLanguageModelV4({ doStream: [first, second] });
  const spend = spending(userId, model);
  const both = [parts({ model: spend }), parts({ model: spend })];
  await until(userId, ({ tokensReserved }) => tokensReserved === 20);
  for (const [{ controller }, used] of [[first, 3], [second, 4]] as const) {
    controller.enqueue(finish(usage([0, used])));
    controller.close();
  }
  await Promise.all(both);
  assert.deepEqual((await account(userId)).debits.sort(), [3, 4]);
});

test('a slow answer is extended for as long as somebody waits for it, and not after', async () => {
  const userId = await userWith(100);
  let attempts = 0;
  const { jeton: watching, reservations, extended, actions } = watched(action => {
    if (action !== 'extend') return;
    attempts += 1;
    if (attempts === 1) throw new TypeError('the line is broken');
  });
  const opened = openStream();
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([1, 1])), doStream: async () => opened });
  const spend = spending(userId, model, { jeton: watching, ttlSeconds: 12 });
  await generateText({ model: spend, prompt: 'Bonjour' });
  const answered = parts({ model: spend });
  const ends = ({ forecast: { next } }: Stats): string => next.find(({ what }) => what === 'reservation')?.at ?? '';
  let end = ends(await until(userId, ({ tokensReserved }) => tokensReserved === 10));
  for (const _ of ['once', 'twice']) end = ends(await until(userId, stats => ends(stats) > end));
  opened.controller.enqueue(finish(usage([2, 3])));
  opened.controller.close();
  await answered;
  const { debits, entries } = await account(userId);
  assert.deepEqual([debits, entries[1]?.reservationId], [[2, 5], reservations[1]]);
  assert.deepEqual(new Set(extended), new Set([reservations[1]]));
  assert.equal(actions.at(-1), 'capture');
});

test('an answer that nobody reads, or reads any more, is not kept for: it ends by itself', async () => {
  const userId = await userWith(100);
  let came = (): void => undefined;
  const back = new Promise<void>(resolve => { came = resolve; });
  const { jeton: watching, actions } = watched(action => { if (action === 'extend') came(); });
  const spend = spending(userId, new MockLanguageModelV4({ doStream: async () => openStream() }), { jeton: watching, ttlSeconds: 1 });
  await spend.doStream({ prompt: [] });
  const { stream } = await spend.doStream({ prompt: [] });
  const reader = stream.getReader();
  await reader.read();
  await until(userId, ({ tokensReserved }) => tokensReserved === 0);
  assert.deepEqual(actions, ['reserve', 'reserve']);
  assert.deepEqual(await account(userId), UNTOUCHED);
  // Who comes back reads on all the same, and would be in time if it were sooner.
  assert.equal((await reader.read()).value?.type, 'text-start');
  await back;
});

test('nothing is read of the model that nobody has asked for', async () => {
  const userId = await userWith(100);
  let pulled = 0;
  const stream = new ReadableStream<Part>({
    pull(controller) {
      pulled += 1;
      controller.enqueue({ type: 'text-start', id: '1' });
    },
  }, { highWaterMark: 0 });
  const answered = await spending(userId, new MockLanguageModelV4({ doStream: async () => ({ stream }) })).doStream({ prompt: [] });
  await account(userId);
  assert.equal(pulled, 0);
  await answered.stream.cancel();
});

test('the SDK\'s own stream of mock parts is passed on unchanged', async () => {
  const userId = await userWith(100);
  const chunks = [...TEXT, finish(usage([1, 1]))];
  const model = new MockLanguageModelV4({
    doStream: async () => ({ stream: simulateReadableStream({ chunks }), request: { body: 'asked' }, response: { headers: { model: 'mock' } } }),
  });
  const { stream, request, response } = await spending(userId, model).doStream({ prompt: [] });
  const passed = [];
  for await (const part of stream) passed.push(part);
  assert.deepEqual([passed, request, response], [chunks, { body: 'asked' }, { headers: { model: 'mock' } }]);
});
