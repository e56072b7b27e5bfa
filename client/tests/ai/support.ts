/** What the tests of `jeton/ai` share: a real Jeton, the SDK's mock models, and ways to wait for what is to happen. */

import { randomUUID } from 'node:crypto';
import { MockLanguageModelV4 } from 'ai/test';
import { simulateReadableStream, wrapLanguageModel } from 'ai';
import { Jeton, type Stats, type Transaction } from 'jeton';
import { spendTokens, type ModelUsage, type PriceTable, type SpendTokensOptions } from 'jeton/ai';

/** An unhandled rejection is a defect wherever it happens, also after the test that it is of. */
process.on('unhandledRejection', error => {
  console.error('unhandled rejection:', error);
  process.exit(1);
});

export const url = process.env['JETON_URL'] ?? '';
export const key = process.env['JETON_API_KEY'] ?? '';

/** A client of the test's Jeton. */
export const jeton = new Jeton({ url, key });

/** A token of ours for each of the model's, so that balances can be counted by hand. */
export const ONE_EACH: PriceTable = { perModelTokens: 1, models: { default: { input: 1, output: 1 } } };

/** A new user with so many tokens. */
export async function userWith(tokens: number): Promise<string> {
  const userId = `ai-${randomUUID()}`;
  const { tokenBalance } = await jeton.getStats({ userId });
  if (tokens < tokenBalance) await jeton.recordGeneration({ userId, tokenCost: tokenBalance - tokens, description: 'before the test' });
  return userId;
}

/** What can be spent, what is set aside, and what the history has since {@link userWith}, oldest first. */
export async function account(userId: string): Promise<{ balance: number; reserved: number; debits: number[]; entries: Transaction[] }> {
  const { tokenBalance: balance, tokensReserved: reserved } = await jeton.getStats({ userId });
  const { transactions } = await jeton.listTransactions({ userId, order: 'asc', type: 'DEBIT' });
  const entries = transactions.filter(({ description }) => description !== 'before the test');
  return { balance, reserved, debits: entries.map(({ amount }) => amount), entries };
}

/** Waits until the account is so, told by its events. */
export async function until(userId: string, isSo: (stats: Stats) => boolean): Promise<Stats> {
  for await (const event of jeton.subscribe({ userId })) {
    if (event.event === 'stats' && isSo(event.data)) return event.data;
  }
  throw new Error('the events end by themselves');
}

/** A client of the test's Jeton that notes what it sends, and does `before` first, which may fail it. */
export function watched(before: (action: string) => void | Promise<void> = () => undefined): { jeton: Jeton; reservations: string[]; extended: string[]; actions: string[] } {
  const reservations: string[] = [];
  const extended: string[] = [];
  const actions: string[] = [];
  const watching = new Jeton({
    url,
    key,
    retries: 0,
    fetch: async (input, init) => {
      const body = typeof init?.body === 'string' ? JSON.parse(init.body) : {};
      const action = body.action ?? 'reserve';
      actions.push(action);
      if (action === 'extend') extended.push(body.reservationId);
      await before(action);
      const response = await fetch(input, init);
      const { reservation } = await response.clone().json();
      if (reservation !== undefined && action === 'reserve') reservations.push(reservation.id);
      return response;
    },
  });
  return { jeton: watching, reservations, extended, actions };
}

type Counts = [input: number | undefined, output: number | undefined];

/** What a model says it used. */
export function usage([input, output]: Counts, parts: { noCache?: number; cacheRead?: number; cacheWrite?: number; reasoning?: number } = {}): ModelUsage {
  return {
    inputTokens: { total: input, noCache: parts.noCache, cacheRead: parts.cacheRead, cacheWrite: parts.cacheWrite },
    outputTokens: { total: output, text: undefined, reasoning: parts.reasoning },
  };
}

export const UNKNOWN: ModelUsage = usage([undefined, undefined]);

type Generated = Awaited<ReturnType<MockLanguageModelV4['doGenerate']>>;
type Streamed = Awaited<ReturnType<MockLanguageModelV4['doStream']>>;
export type Part = Streamed['stream'] extends ReadableStream<infer Of> ? Of : never;

/** An answer of one piece. */
export function answer(used: ModelUsage): Generated {
  return { content: [{ type: 'text', text: 'Bonjour' }], finishReason: { unified: 'stop', raw: undefined }, usage: used, warnings: [] };
}

/** The parts of an answer, without the last one. */
export const TEXT: Part[] = [
  { type: 'stream-start', warnings: [] },
  { type: 'text-start', id: '1' },
  { type: 'text-delta', id: '1', delta: 'Bon' },
  { type: 'text-delta', id: '1', delta: 'jour' },
  { type: 'text-end', id: '1' },
];

/** The last part. */
export function finish(used: ModelUsage): Part {
  return { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage: used };
}

/** A stream of these parts. */
export function streamOf(chunks: Part[]): Streamed {
  return { stream: simulateReadableStream({ chunks, initialDelayInMs: null, chunkDelayInMs: null }) };
}

/** A stream that the test goes on with. */
export function openStream(begin: Part[] = TEXT): Streamed & { controller: ReadableStreamDefaultController<Part>; left: Promise<unknown> } {
  let controller: ReadableStreamDefaultController<Part> | undefined;
  let leave = (_: unknown): void => undefined;
  const left = new Promise(resolve => { leave = resolve; });
  const stream = new ReadableStream<Part>({
    start(started) {
      controller = started;
      for (const part of begin) started.enqueue(part);
    },
    cancel(reason) {
      leave(reason);
    },
  });
  if (controller === undefined) throw new Error('a stream has a controller at once');
  return { stream, controller, left };
}

/** The model with the middleware, and what the middleware told. */
export function spending(userId: string, model: MockLanguageModelV4, options: Partial<SpendTokensOptions> = {}) {
  const told: { shortfalls: unknown[]; errors: unknown[] } = { shortfalls: [], errors: [] };
  const middleware = spendTokens({
    jeton,
    userId,
    price: ONE_EACH,
    estimate: 10,
    onShortfall: shortfall => { told.shortfalls.push(shortfall); },
    onError: (error, { doing }) => { told.errors.push([doing, error]); },
    ...options,
  });
  return Object.assign(wrapLanguageModel({ model, middleware }), { told });
}
