/** Answers of one piece: what is set aside before, and what becomes of it after. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APICallError, generateText, RetryError, stepCountIs, tool } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { isProblem, Jeton } from 'jeton';
import { z } from 'zod';
import { account, answer, jeton, key, spending, UNKNOWN, until, url, usage, userWith, watched } from './support.js';

/** A model that fails in this way. */
function failing(error: () => unknown): MockLanguageModelV4 {
  return new MockLanguageModelV4({ doGenerate: async () => { throw error(); } });
}

const UNAVAILABLE = { message: 'overloaded', url: 'https://model.example', requestBodyValues: {}, statusCode: 503, isRetryable: true };

test('what was used is captured, and the rest goes back', async () => {
  const userId = await userWith(100);
  const held: number[] = [];
  const model = new MockLanguageModelV4({
    doGenerate: async () => {
      held.push((await account(userId)).reserved);
      return answer(usage([2, 3]));
    },
  });
  const spend = spending(userId, model, { contentType: 'ARTICLE', metadata: { chat: 7 } });
  const { text } = await generateText({ model: spend, prompt: 'Bonjour' });
  assert.equal(text, 'Bonjour');
  const { balance, reserved, entries } = await account(userId);
  assert.deepEqual([held, balance, reserved], [[10], 95, 0]);
  const [{ amount, contentType, metadata }] = entries as [typeof entries[0] & object];
  assert.deepEqual([entries.length, amount, contentType], [1, 5, 'ARTICLE']);
  assert.deepEqual(metadata, { chat: 7, model: 'mock-model-id', provider: 'mock-provider' });
  assert.deepEqual(spend.told, { shortfalls: [], errors: [] });
});

test('without enough tokens the model is not called', async () => {
  const userId = await userWith(9);
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([1, 1])) });
  const refused = generateText({ model: spending(userId, model, { language: 'en' }), prompt: 'Bonjour' });
  await assert.rejects(refused, error => {
    assert.ok(isProblem(error, 'insufficient_tokens'));
    assert.deepEqual([error.problem.required, error.problem.available], [10, 9]);
    assert.match(error.message, /^Not enough tokens/);
    return true;
  });
  assert.equal(model.doGenerateCalls.length, 0);
  assert.deepEqual(await account(userId), { balance: 9, reserved: 0, debits: [], entries: [] });
});

test('a cap refuses before the model is called, too', async () => {
  const userId = await userWith(100);
  await jeton.updateAccount({ userId, caps: { daily: 4_905 } });
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([1, 1])) });
  const refused = generateText({ model: spending(userId, model), prompt: 'Bonjour' });
  await assert.rejects(refused, error => isProblem(error, 'spending_cap_reached') && error.problem.cap === 'daily');
  assert.equal(model.doGenerateCalls.length, 0);
});

test('on an error all goes back, and the error stays the model\'s own', async () => {
  const userId = await userWith(100);
  const broken = new Error('the model broke');
  await assert.rejects(generateText({ model: spending(userId, failing(() => broken)), prompt: 'Bonjour' }), broken);
  assert.deepEqual(await account(userId), { balance: 100, reserved: 0, debits: [], entries: [] });
});

test('a model that fails without a word of its use costs nothing, and holds nothing', async () => {
  const userId = await userWith(100);
  for (const used of [undefined, {}]) {
    const failed = { ...answer(UNKNOWN), finishReason: { unified: 'error', raw: undefined }, usage: used } as unknown as ReturnType<typeof answer>;
    const spend = spending(userId, new MockLanguageModelV4({ doGenerate: failed }));
    await spend.doGenerate({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'Bonjour' }] }] });
    assert.deepEqual(spend.told.errors, []);
  }
  assert.deepEqual(await account(userId), { balance: 100, reserved: 0, debits: [], entries: [] });
});

test('each of the SDK\'s attempts sets aside anew, and only the one that succeeds costs', async () => {
  const userId = await userWith(12);
  const { jeton, actions } = watched();
  const unavailable = new APICallError({ ...UNAVAILABLE, responseHeaders: { 'retry-after-ms': '0' } });
  const model: MockLanguageModelV4 = new MockLanguageModelV4({
    doGenerate: async () => {
      if (model.doGenerateCalls.length < 3) throw unavailable;
      return answer(usage([1, 1]));
    },
  });
  await generateText({ model: spending(userId, model, { jeton }), prompt: 'Bonjour' });
  assert.deepEqual(actions, ['reserve', 'release', 'reserve', 'release', 'reserve', 'capture']);
  assert.deepEqual((await account(userId)).debits, [2]);
});

test('a refusal of a further attempt is found inside the SDK\'s error', async () => {
  const userId = await userWith(10);
  const model = failing(() => new APICallError({ ...UNAVAILABLE, responseHeaders: { 'retry-after-ms': '0' } }));
  const others = async (): Promise<void> => { await jeton.recordGeneration({ userId, tokenCost: 1 }); };
  const { jeton: watching } = watched(async action => { if (action === 'reserve' && model.doGenerateCalls.length === 1) await others(); });
  await assert.rejects(generateText({ model: spending(userId, model, { jeton: watching }), prompt: 'Bonjour' }), error => {
    return RetryError.isInstance(error) && isProblem(error.lastError, 'insufficient_tokens');
  });
  assert.equal(model.doGenerateCalls.length, 1);
});

test('an abort before the call sets nothing aside', async () => {
  const userId = await userWith(100);
  const { jeton, actions } = watched();
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([1, 1])) });
  const reason = new DOMException('enough', 'AbortError');
  const spend = spending(userId, model, { jeton });
  await assert.rejects(async () => spend.doGenerate({ prompt: [], abortSignal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual([actions, model.doGenerateCalls.length], [[], 0]);
});

test('an abort while tokens are set aside gives them back when they are', async () => {
  const userId = await userWith(100);
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([1, 1])) });
  const abort = new AbortController();
  const { jeton, actions } = watched(action => { if (action === 'reserve') abort.abort(); });
  await assert.rejects(generateText({ model: spending(userId, model, { jeton }), prompt: 'Bonjour', abortSignal: abort.signal }), { name: 'AbortError' });
  // Nobody waits for what is given back.
  while (actions.length < 2) await new Promise(resolve => setTimeout(resolve, 5));
  await until(userId, ({ tokensReserved }) => tokensReserved === 0);
  assert.deepEqual([actions, model.doGenerateCalls.length], [['reserve', 'release'], 0]);
  assert.deepEqual(await account(userId), { balance: 100, reserved: 0, debits: [], entries: [] });
});

test('an abort while the model works gives all back', async () => {
  const userId = await userWith(100);
  const abort = new AbortController();
  const model = new MockLanguageModelV4({
    doGenerate: ({ abortSignal }) => new Promise((_, reject) => {
      abortSignal?.addEventListener('abort', () => reject(abortSignal.reason));
      abort.abort();
    }),
  });
  await assert.rejects(generateText({ model: spending(userId, model), prompt: 'Bonjour', abortSignal: abort.signal }), { name: 'AbortError' });
  await until(userId, ({ tokensReserved }) => tokensReserved === 0);
  assert.deepEqual(await account(userId), { balance: 100, reserved: 0, debits: [], entries: [] });
});

test('two at once on the last tokens: one answers, one is refused', async () => {
  const userId = await userWith(12);
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([5, 5])) });
  const spend = spending(userId, model);
  const both = await Promise.allSettled([1, 2].map(() => generateText({ model: spend, prompt: 'Bonjour' })));
  const refused = both.flatMap(one => one.status === 'rejected' ? [one.reason] : []);
  assert.equal(refused.length, 1);
  assert.ok(isProblem(refused[0], 'insufficient_tokens'));
  assert.equal(model.doGenerateCalls.length, 1);
  assert.deepEqual((await account(userId)).balance, 2);
});

test('more than was set aside comes from the balance', async () => {
  const userId = await userWith(30);
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([5, 20])) });
  const spend = spending(userId, model);
  await generateText({ model: spend, prompt: 'Bonjour' });
  assert.deepEqual((await account(userId)).debits, [25]);
  assert.deepEqual(spend.told, { shortfalls: [], errors: [] });
});

test('what nobody has is a shortfall: what is set aside is captured, and the answer is given', async () => {
  const userId = await userWith(12);
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([5, 20])) });
  const { jeton, reservations } = watched();
  const spend = spending(userId, model, { jeton });
  assert.equal((await generateText({ model: spend, prompt: 'Bonjour' })).text, 'Bonjour');
  const { balance, reserved, debits } = await account(userId);
  assert.deepEqual([balance, reserved, debits], [2, 0, [10]]);
  const [{ problem, ...shortfall }] = spend.told.shortfalls as [{ problem: unknown }];
  const told = { userId, modelId: 'mock-model-id', provider: 'mock-provider', required: 25, captured: 10, missing: 15, reservationId: reservations[0] };
  assert.deepEqual(shortfall, told);
  assert.ok(isProblem(problem, 'insufficient_tokens'));
  assert.deepEqual([spend.told.shortfalls.length, spend.told.errors], [1, []]);
});

test('a cap that leaves no room for more is a shortfall, too', async () => {
  const userId = await userWith(100);
  await jeton.updateAccount({ userId, caps: { daily: 4_912 } });
  const spend = spending(userId, new MockLanguageModelV4({ doGenerate: answer(usage([5, 20])) }));
  await generateText({ model: spend, prompt: 'Bonjour' });
  assert.deepEqual([(await account(userId)).debits, spend.told.errors], [[10], []]);
  const [{ missing, problem }] = spend.told.shortfalls as [{ missing: number; problem: unknown }];
  assert.ok(missing === 15 && isProblem(problem, 'spending_cap_reached'));
});

test('what a plan lets a capture lack is a shortfall without a problem', async () => {
  const userId = await userWith(12);
  // As under `capture_above = "cap"`, which the built-in plan does not have.
  const capping = new Jeton({
    url,
    key,
    fetch: async (input, init) => {
      const body = typeof init?.body === 'string' ? JSON.parse(init.body) : {};
      if (body.action !== 'capture') return fetch(input, init);
      const result = await (await fetch(input, { ...init, body: JSON.stringify({ ...body, amount: 12 }) })).json();
      return Response.json({ ...result, reservation: { ...result.reservation, shortfall: body.amount - 12 } });
    },
  });
  const spend = spending(userId, new MockLanguageModelV4({ doGenerate: answer(usage([5, 20])) }), { jeton: capping });
  await generateText({ model: spend, prompt: 'Bonjour' });
  const [{ required, captured, missing, ...rest }] = spend.told.shortfalls as [{ required: number; captured: number; missing: number }];
  assert.deepEqual([required, captured, missing, 'problem' in rest], [25, 12, 13, false]);
});

test('a reservation that ended before the model did is made anew, for no more than was used', async () => {
  const userId = await userWith(12);
  const { jeton: watching, actions } = watched();
  const model = new MockLanguageModelV4({
    doGenerate: async () => {
      await jeton.recordGeneration({ userId, tokenCost: 6, description: 'before the test' }, { clock: new Date(Date.now() + 3_600_000) });
      return answer(usage([2, 3]));
    },
  });
  const spend = spending(userId, model, { jeton: watching });
  await generateText({ model: spend, prompt: 'Bonjour' });
  assert.deepEqual(actions, ['reserve', 'capture', 'reserve', 'capture']);
  assert.deepEqual([(await account(userId)).debits, spend.told], [[5], { shortfalls: [], errors: [] }]);
});

test('a reservation that a reset has given back is made anew', async () => {
  const userId = await userWith(100);
  const model = new MockLanguageModelV4({
    doGenerate: async () => {
      await jeton.reset({ userId });
      return answer(usage([2, 3]));
    },
  });
  const spend = spending(userId, model);
  await generateText({ model: spend, prompt: 'Bonjour' });
  const { balance, debits } = await account(userId);
  assert.deepEqual([balance, debits, spend.told.errors], [4_995, [5], []]);
});

test('one that ended, and others have spent the rest: nothing is charged, and that is told', async () => {
  const userId = await userWith(10);
  const model = new MockLanguageModelV4({
    doGenerate: async () => {
      await jeton.recordGeneration({ userId, tokenCost: 8, description: 'before the test' }, { clock: new Date(Date.now() + 3_600_000) });
      return answer(usage([2, 3]));
    },
  });
  const spend = spending(userId, model);
  await generateText({ model: spend, prompt: 'Bonjour' });
  assert.deepEqual((await account(userId)).debits, []);
  const [{ required, captured, missing }] = spend.told.shortfalls as [{ required: number; captured: number; missing: number }];
  assert.deepEqual([required, captured, missing], [5, 0, 5]);
});

test('an answer that does not say what it used costs the estimate', async () => {
  const userId = await userWith(100);
  const model = new MockLanguageModelV4({ doGenerate: answer(UNKNOWN) });
  await generateText({ model: spending(userId, model), prompt: 'Bonjour' });
  assert.deepEqual((await account(userId)).debits, [10]);
});

test('a failure that says what it used costs that, and one that does not costs nothing', async () => {
  for (const [used, debits] of [[usage([4, undefined]), [4]], [UNKNOWN, []]] as const) {
    const userId = await userWith(100);
    const model = new MockLanguageModelV4({ doGenerate: { ...answer(used), finishReason: { unified: 'error', raw: undefined } } });
    await generateText({ model: spending(userId, model), prompt: 'Bonjour' });
    const { balance, reserved, debits: found } = await account(userId);
    assert.deepEqual([balance + (debits[0] ?? 0), reserved, found], [100, 0, debits]);
  }
});

test('what costs nothing leaves no entry', async () => {
  const userId = await userWith(100);
  const { jeton, actions } = watched();
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([0, 0])) });
  await generateText({ model: spending(userId, model, { jeton }), prompt: 'Bonjour' });
  assert.deepEqual([actions, (await account(userId)).debits], [['reserve', 'release'], []]);
});

test('an estimate of nothing sets nothing aside, and what was used is debited after', async () => {
  const userId = await userWith(6);
  const { jeton, actions } = watched();
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([2, 3])) });
  const spend = spending(userId, model, { jeton, estimate: () => 0 });
  await generateText({ model: spend, prompt: 'Bonjour' });
  assert.deepEqual([actions, (await account(userId)).debits], [['reserve', 'capture'], [5]]);
  await generateText({ model: spend, prompt: 'Bonjour' });
  assert.deepEqual([(await account(userId)).debits, spend.told.shortfalls.length], [[5], 1]);
});

test('each step of a tool loop is a charge of its own', async () => {
  const userId = await userWith(100);
  const call = { ...answer(usage([1, 1])), finishReason: { unified: 'tool-calls', raw: undefined } } as const;
  const model = new MockLanguageModelV4({
    doGenerate: [
      { ...call, content: [{ type: 'tool-call', toolCallId: '1', toolName: 'date', input: '{}' }] },
      answer(usage([3, 1])),
    ],
  });
  const date = tool({ inputSchema: z.object({}), execute: async () => '5 December' });
  const { text } = await generateText({ model: spending(userId, model), prompt: 'Which day?', tools: { date }, stopWhen: stepCountIs(2) });
  assert.equal(text, 'Bonjour');
  assert.deepEqual((await account(userId)).debits, [2, 4]);
});

test('a capture whose answer is lost is sent again, and made once', async () => {
  const userId = await userWith(100);
  const keys: (string | null)[] = [];
  const losing = new Jeton({
    url,
    key,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (typeof init?.body !== 'string' || JSON.parse(init.body).action !== 'capture') return response;
      keys.push(new Headers(init.headers).get('idempotency-key'));
      if (keys.length === 1) throw new TypeError('the line is broken');
      return response;
    },
  });
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([2, 3])) });
  const spend = spending(userId, model, { jeton: losing });
  await generateText({ model: spend, prompt: 'Bonjour' });
  assert.deepEqual([keys.length, new Set(keys).size], [2, 1]);
  assert.deepEqual([(await account(userId)).debits, spend.told.errors], [[5], []]);
});

test('when the capture fails the answer is given all the same', async () => {
  const userId = await userWith(100);
  const { jeton } = watched(action => { if (action === 'capture') throw new TypeError('the line is broken'); });
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([2, 3])) });
  const spend = spending(userId, model, { jeton, ttlSeconds: 600 });
  assert.equal((await generateText({ model: spend, prompt: 'Bonjour' })).text, 'Bonjour');
  const [[doing, error]] = spend.told.errors as [[string, { code: string }]];
  assert.deepEqual([doing, error.code, spend.told.errors.length], ['capture', 'unreachable', 1]);
  const { balance, reserved } = await account(userId);
  assert.deepEqual([balance, reserved], [90, 10]);
});

test('functions of the caller\'s that fail never take the answer away', async t => {
  const said = t.mock.method(console, 'error', () => undefined);
  const userId = await userWith(12);
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([5, 20])) });
  const broken = (): never => { throw new Error('a function of the caller\'s'); };
  const later = async (): Promise<never> => broken();
  const price = ({ inputTokens }: { inputTokens: { total: number | undefined } }): number => inputTokens.total === 5 ? broken() : 10;
  const spend = spending(userId, model, { price, onShortfall: later, onError: later, waitUntil: later });
  assert.equal((await generateText({ model: spend, prompt: 'Bonjour' })).text, 'Bonjour');
  assert.deepEqual((await account(userId)).debits, [10]);
  assert.ok(said.mock.callCount() >= 2);
});

test('the capture is what `waitUntil` is given', async () => {
  const userId = await userWith(100);
  const work: Promise<void>[] = [];
  const model = new MockLanguageModelV4({ doGenerate: answer(usage([2, 3])) });
  await generateText({ model: spending(userId, model, { waitUntil: given => { work.push(given); } }), prompt: 'Bonjour' });
  assert.equal(work.length, 1);
  await work[0];
});
