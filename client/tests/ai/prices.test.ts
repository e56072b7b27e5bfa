/** What a use costs: by the deployment's table, by one of the caller's, by a function; and what is set aside for it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateText, type JSONValue, type ModelMessage } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { Jeton } from 'jeton';
import type { PriceTable, SpendTokensOptions } from 'jeton/ai';
import { account, answer, jeton, key, spending, UNKNOWN, url, usage, userWith } from './support.js';

/** What is set aside for a call, and what it costs. */
async function spent(
  used: ReturnType<typeof usage>,
  options: Partial<SpendTokensOptions>,
  call: { modelId?: string; messages?: ModelMessage[]; maxOutputTokens?: number } = {},
): Promise<{ held: number; cost: number }> {
  const { modelId = 'mock', messages = [{ role: 'user', content: 'Bonjour' }], maxOutputTokens } = call;
  const userId = await userWith(4_900);
  let held = 0;
  const model = new MockLanguageModelV4({
    modelId,
    doGenerate: async () => {
      held = (await account(userId)).reserved;
      return answer(used);
    },
  });
  const spend = spending(userId, model, { price: undefined, estimate: undefined, ...options });
  await generateText({ model: spend, messages, ...maxOutputTokens !== undefined && { maxOutputTokens } });
  assert.deepEqual(spend.told, { shortfalls: [], errors: [] });
  return { held, cost: 4_900 - (await account(userId)).balance };
}

test('the deployment\'s table has the price of a model, and a default', async () => {
  const { models } = await jeton.getPrices();
  assert.deepEqual(Object.keys(models), ['default', 'jeton-writer']);
  // 20 × 500 + 600 × 4 500 for a million: 2.71.
  assert.deepEqual(await spent(usage([20, 600]), {}, { modelId: 'jeton-writer', maxOutputTokens: 1_000 }), { held: 5, cost: 3 });
  // 20 × 1 000 + 600 × 5 000: 3.02.
  assert.deepEqual(await spent(usage([20, 600]), {}, { maxOutputTokens: 1_000 }), { held: 6, cost: 4 });
});

test('the deployment\'s table is fetched once for calls that come together, and again after a failure', async () => {
  let fetched = 0;
  const away = { fails: true };
  const watching = new Jeton({
    url,
    key,
    retries: 0,
    fetch: async (input, init) => {
      if (!String(input).endsWith('/prices.json')) return fetch(input, init);
      fetched += 1;
      if (away.fails) throw new TypeError('the line is broken');
      return fetch(input, init);
    },
  });
  await assert.rejects(spent(usage([20, 600]), { jeton: watching }), { code: 'unreachable' });
  away.fails = false;
  await Promise.all([1, 2, 3].map(() => spent(usage([20, 600]), { jeton: watching })));
  await spent(usage([20, 600]), { jeton: watching });
  assert.equal(fetched, 2);
});

test('a model without a price is refused before it is called, and says what to write', async () => {
  const userId = await userWith(100);
  const model = new MockLanguageModelV4({ modelId: 'constructor', doGenerate: answer(usage([1, 1])) });
  const price: PriceTable = { models: { writer: { input: 1, output: 1 } } };
  const spend = spending(userId, model, { price, estimate: undefined });
  await assert.rejects(generateText({ model: spend, prompt: 'Bonjour' }), { code: 'model_without_price', message: /\[models\."constructor"\]/ });
  assert.equal(model.doGenerateCalls.length, 0);
});

test('each kind of use has its price, and the sum is rounded up once', async () => {
  const all = { input: 100, cachedInput: 10, cacheWrite: 120, output: 300, reasoning: 500 };
  const table = (price: PriceTable['models'][string], perModelTokens = 100): PriceTable => ({ perModelTokens, models: { mock: price } });
  const cases: [string, ReturnType<typeof usage>, PriceTable, number][] = [
    ['input and output', usage([5, 7]), table(all), 26],
    ['cached input', usage([10, 0], { cacheRead: 10 }), table(all), 1],
    ['cached, written and new input', usage([30, 0], { cacheRead: 10, cacheWrite: 10, noCache: 10 }), table(all), 23],
    ['new input that is not told apart', usage([30, 0], { cacheRead: 10, cacheWrite: 10 }), table(all), 23],
    ['input of which only parts are told', usage([undefined, undefined], { noCache: 7 }), table(all), 7],
    ['reasoning', usage([0, 10], { reasoning: 4 }), table(all), 38],
    ['reasoning alone', usage([undefined, undefined], { reasoning: 4 }), table(all), 20],
    ['parts that are more than their total', usage([1, 1], { cacheRead: 100, reasoning: 4 }), table(all), 30],
    ['one side that is not told', usage([undefined, 2]), table(all), 6],
    ['numbers that are none', usage([Number.NaN, -3], { noCache: 2 }), table(all), 2],
    ['cached input without a price', usage([10, 0], { cacheRead: 10 }), table({ input: 100, output: 1 }), 10],
    ['written input without a price', usage([10, 0], { cacheWrite: 10 }), table({ input: 100, output: 1 }), 10],
    ['reasoning without a price', usage([0, 10], { reasoning: 10 }), table({ input: 1, output: 100 }), 10],
    ['a bit of everything', usage([1, 1], { cacheRead: 1 }), table({ input: 1, cachedInput: 1, output: 1 }), 1],
    ['exactly one', usage([50, 50]), table({ input: 1, output: 1 }), 1],
    ['exactly one and a bit', usage([51, 50]), table({ input: 1, output: 1 }), 2],
    ['numbers beyond 2^53', usage([2 ** 52, 1]), table({ input: 2_000, output: 2_000 }, 2 ** 52), 2_001],
    ['a million where it is not said', usage([1_500_000, 0]), { models: { mock: { input: 2, output: 0 } } }, 3],
  ];
  for (const [what, used, price, cost] of cases) {
    assert.equal((await spent(used, { price, estimate: 1 })).cost, cost, what);
  }
});

test('a function of the caller\'s is asked with an estimate and with the use', async () => {
  const asked: unknown[] = [];
  const price = async (used: ReturnType<typeof usage>, modelId: string): Promise<number> => {
    asked.push([modelId, used.outputTokens.total]);
    return (used.outputTokens.total ?? 0) / 4;
  };
  assert.deepEqual(await spent(usage([1, 9]), { price, outputTokens: 20 }), { held: 5, cost: 3 });
  assert.deepEqual(asked, [['mock', 20], ['mock', 9]]);
  assert.deepEqual(await spent(UNKNOWN, { price: () => 3 }), { held: 3, cost: 3 }, 'a flat price needs no use');
});

test('the estimate is of the prompt\'s bytes, of files, and of what may be answered', async () => {
  const input: PriceTable = { perModelTokens: 1, models: { mock: { input: 1, output: 0 } } };
  const output: PriceTable = { perModelTokens: 1, models: { mock: { input: 0, output: 1 } } };
  const held = async (price: PriceTable, messages: ModelMessage[], maxOutputTokens?: number): Promise<number> => {
    return (await spent(usage([0, 0]), { price }, { messages, ...maxOutputTokens !== undefined && { maxOutputTokens } })).held;
  };
  const saying = (text: string): ModelMessage[] => [{ role: 'user', content: text }];
  const nothing = await held(input, saying(''));
  assert.ok(nothing > 0 && nothing < 40, `${nothing}`);
  assert.equal(await held(input, saying('a'.repeat(300))), nothing + 100);
  assert.equal(await held(input, saying('é'.repeat(300))), nothing + 200);
  const picture = { type: 'file', mediaType: 'image/png', data: new Uint8Array(100_000) } as const;
  const pictured = await held(input, [{ role: 'user', content: [picture] }]);
  assert.ok(pictured >= 2_000 && pictured < 2_000 + nothing, `${pictured}`);
  const written = { type: 'file', mediaType: 'text/plain', data: { type: 'text', text: 'a'.repeat(3_000) } } as const;
  const read = await held(input, [{ role: 'user', content: [written] }]);
  assert.ok(read >= 1_000 && read < 1_000 + nothing, `${read}`);
  const optional = { openai: { user: 'a'.repeat(300) } };
  assert.equal(await held(input, [{ role: 'user', content: 'a'.repeat(300), providerOptions: optional }]), nothing + 100);
  // What a tool was given and has given is read as it is, whatever its fields are called.
  const called = (data: JSONValue): ModelMessage[] => [
    { role: 'assistant', content: [{ type: 'tool-call', toolCallId: '1', toolName: 'read', input: data }] },
    { role: 'tool', content: [{ type: 'tool-result', toolCallId: '1', toolName: 'read', output: { type: 'json', value: data } }] },
  ];
  const plain = await held(input, called({ data: 'a'.repeat(3_000) }));
  assert.ok(plain >= 2_000, `${plain}`);
  const long = 'a'.repeat(3_000);
  const hiding: JSONValue[] = [{ providerOptions: long }, { mediaType: 'a/b', data: { type: 'text', text: '' }, long }, { type: 'json', value: long }];
  for (const data of hiding) {
    const hidden = await held(input, called(data));
    assert.ok(hidden >= 2_000 && hidden < 2_200, `${hidden}: ${JSON.stringify(data).slice(0, 60)}`);
  }
  assert.equal(await held(output, saying('Bonjour')), 1_000);
  assert.equal(await held(output, saying('Bonjour'), 50), 50);
});

test('an estimate of the caller\'s is rounded up, and one that is none is refused before the model is called', async () => {
  const price: PriceTable = { perModelTokens: 1, models: { mock: { input: 1, output: 1 } } };
  assert.equal((await spent(usage([1, 1]), { price, estimate: 2.5 })).held, 3);
  const estimate: SpendTokensOptions['estimate'] = ({ modelId, provider, params }) => modelId.length + provider.length + params.prompt.length;
  assert.equal((await spent(usage([1, 1]), { price, estimate })).held, 'mock'.length + 'mock-provider'.length + 1);
  for (const options of [{ estimate: -1 }, { estimate: () => Number.NaN }, { price: () => Number.POSITIVE_INFINITY, estimate: undefined }]) {
    const model = new MockLanguageModelV4({ doGenerate: answer(usage([1, 1])) });
    const refused = generateText({ model: spending(await userWith(100), model, options), prompt: 'Bonjour' });
    await assert.rejects(refused, { code: 'invalid_argument' });
    assert.equal(model.doGenerateCalls.length, 0);
  }
  for (const input of [-1, 0.5, Number.NaN]) {
    await assert.rejects(spent(usage([1, 1]), { price: { models: { mock: { input, output: 1 } } } }), { code: 'invalid_argument' });
  }
});
