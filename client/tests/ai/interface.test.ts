/** A refusal on its way to the user: through the SDK's streams and transports, as a page gets it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  APICallError, createUIMessageStream, createUIMessageStreamResponse, customProvider, DefaultChatTransport, gateway, generateText, readUIMessageStream,
  RetryError, streamText, wrapLanguageModel, wrapProvider, type LanguageModelMiddleware, type UIMessage,
} from 'ai';
import type { LanguageModelV4Middleware } from '@ai-sdk/provider';
import { MockLanguageModelV4 } from 'ai/test';
import { isProblem } from 'jeton';
import { readTokenError, spendTokens, tokenErrorText, type TokenError } from 'jeton/ai';
import { account, answer, finish, jeton, ONE_EACH, spending, streamOf, TEXT, usage, userWith, watched } from './support.js';

/** The error that a page's chat ends with when its server answers this. */
async function errorInThePage(response: Response): Promise<unknown> {
  const transport = new DefaultChatTransport<UIMessage>({ api: 'https://page.example/api/chat', fetch: async () => response });
  try {
    const stream = await transport.sendMessages({
      trigger: 'submit-message', chatId: '1', messageId: undefined, messages: [], abortSignal: undefined,
    });
    let found: unknown;
    for await (const _ of readUIMessageStream({ stream, onError: error => { found = error; } }));
    return found;
  } catch (error) {
    return error;
  }
}

const MODEL = (): MockLanguageModelV4 => new MockLanguageModelV4({
  doStream: async () => streamOf([...TEXT, finish(usage([1, 1]))]),
  doGenerate: answer(usage([1, 1])),
});

const onError = (error: unknown): string => tokenErrorText(error) ?? 'Something went wrong.';

test('the page reads why the model was not called, in the language of the call', async () => {
  const userId = await userWith(4);
  for (const [language, message] of [['fr', /Tokens insuffisants|tokens/], ['en', /^Not enough tokens: 10 tokens needed, 4 available\.$/]] as const) {
    const result = streamText({ model: spending(userId, MODEL(), { language }), prompt: 'Bonjour', onError: () => undefined });
    const refused = readTokenError(await errorInThePage(result.toUIMessageStreamResponse({ onError })));
    assert.ok(refused?.code === 'insufficient_tokens');
    assert.deepEqual([refused.required, refused.available], [10, 4]);
    assert.match(refused.message, message);
  }
});

test('a stream that the server merges brings it, too', async () => {
  const userId = await userWith(4);
  const stream = createUIMessageStream({
    onError,
    execute: ({ writer }) => {
      const result = streamText({ model: spending(userId, MODEL()), prompt: 'Bonjour', onError: () => undefined });
      writer.merge(result.toUIMessageStream({ onError }));
    },
  });
  assert.equal(readTokenError(await errorInThePage(createUIMessageStreamResponse({ stream })))?.code, 'insufficient_tokens');
});

test('a cap says when it counts anew, also as the body of an answer', async () => {
  const userId = await userWith(100);
  await jeton.updateAccount({ userId, caps: { monthly: 4_900 } });
  const error: unknown = await generateText({ model: spending(userId, MODEL()), prompt: 'Bonjour' }).then(() => undefined, caught => caught);
  const refused: TokenError | undefined = readTokenError(await errorInThePage(new Response(tokenErrorText(error), { status: 409 })));
  assert.ok(refused?.code === 'spending_cap_reached');
  assert.deepEqual([refused.cap, refused.limit, Number.isNaN(Date.parse(refused.resetsAt))], ['monthly', 4_900, false]);
});

test('nothing of another error is told', async () => {
  const { jeton: refusing } = watched(() => { throw new TypeError('secret of the network'); });
  const model = spending(await userWith(100), MODEL(), { jeton: refusing });
  const result = streamText({ model, prompt: 'Bonjour', onError: () => undefined });
  const error = await errorInThePage(result.toUIMessageStreamResponse({ onError }));
  assert.deepEqual([readTokenError(error), error instanceof Error && error.message], [undefined, 'Something went wrong.']);
  for (const other of [undefined, null, 7, '', '{', 'null', '[]', '{"tokenError":7}', '{"tokenError":{"code":"internal"}}', '{"tokenError":{"code":"insufficient_tokens"}}', {}, new Error('{"a":1}')]) {
    assert.deepEqual([readTokenError(other), tokenErrorText(other)], [undefined, undefined], JSON.stringify(other));
  }
  const round: { cause?: unknown } = {};
  round.cause = round;
  assert.equal(readTokenError(round), undefined);
});

test('it is found inside other errors', async () => {
  const model = spending(await userWith(4), MODEL());
  const error: unknown = await generateText({ model, prompt: 'Bonjour' }).then(() => undefined, caught => caught);
  const wrapped = new APICallError({ message: 'failed', url: 'https://model.example', requestBodyValues: {}, cause: new Error('inner', { cause: error }) });
  assert.equal(readTokenError(wrapped)?.code, 'insufficient_tokens');
  const retried = new RetryError({ message: 'failed twice', reason: 'errorNotRetryable', errors: [new Error('first'), error] });
  assert.equal(readTokenError(retried)?.code, 'insufficient_tokens');
});

test('the middleware is the SDK\'s, alone, among others and for a whole provider', async () => {
  const userId = await userWith(100);
  const middleware: LanguageModelV4Middleware = spendTokens({ jeton, userId, price: ONE_EACH, estimate: 5 });
  const seen: string[] = [];
  const noting: LanguageModelMiddleware = { specificationVersion: 'v4', transformParams: async ({ params, type }) => { seen.push(type); return params; } };
  await generateText({ model: wrapLanguageModel({ model: MODEL(), middleware: [noting, middleware] }), prompt: 'Bonjour' });
  const provider = wrapProvider({ provider: customProvider({ languageModels: { writer: MODEL() } }), languageModelMiddleware: middleware });
  await generateText({ model: provider.languageModel('writer'), prompt: 'Bonjour' });
  assert.deepEqual([seen, (await account(userId)).debits], [['generate'], [2, 2]]);
});

test('a model of the gateway is wrapped as any other is', async () => {
  const userId = await userWith(4);
  const model = wrapLanguageModel({ model: gateway('openai/gpt-5'), middleware: spendTokens({ jeton, userId, estimate: 5 }) });
  await assert.rejects(generateText({ model, prompt: 'Bonjour' }), error => isProblem(error, 'insufficient_tokens'));
});
