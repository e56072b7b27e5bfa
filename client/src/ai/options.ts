/** What the middleware is told. */

import type { Jeton } from '../jeton.js';
import type { PriceTable } from '../prices.js';
import type { JetonProblem } from '../problem.js';
import type { ContentType, Metadata } from '../types.js';
import type { ModelCall, ModelName, ModelUsage } from './model.js';

/**
 * What a use of a model costs, in tokens: 0 or more, rounded up. It is asked before a call, with an estimate of the use, and after it. It is
 * also asked when the model has answered without saying what it used: then all numbers are undefined.
 */
export type PriceFunction = (usage: ModelUsage, modelId: string) => number | PromiseLike<number>;

/** How many tokens to set aside for a call: 0 or more, rounded up. For 0 nothing is, and what was used is debited after the call. */
export type EstimateFunction = (call: ModelName & { readonly params: ModelCall }) => number | PromiseLike<number>;

/** Tokens that a model's answer cost and that were not there. */
export interface Shortfall extends ModelName {
  readonly userId: string;
  /** What the answer cost, in tokens. */
  readonly required: number;
  /** What of it was captured. */
  readonly captured: number;
  /** What was not: `required − captured`. */
  readonly missing: number;
  /** The reservation that captured it, if there was one. */
  readonly reservationId?: string;
  /** Why: `insufficient_tokens` or `spending_cap_reached`. Under a plan with `capture_above = "cap"` there is none. */
  readonly problem?: JetonProblem;
}

/** What could not be done when the model had answered, or failed. */
export interface Failure extends ModelName {
  readonly userId: string;
  /** What failed. `price` and `onShortfall` are the functions that were given. */
  readonly doing: 'capture' | 'release' | 'price' | 'onShortfall' | 'waitUntil';
  /** The reservation, which ends by itself, if there is one. */
  readonly reservationId?: string;
}

/** How the tokens of a user are spent on models. */
export interface SpendTokensOptions {
  /** The client, with a key of scope `spend`. */
  jeton: Jeton;
  /** Whose tokens. */
  userId: string;
  /** What is generated, as the history names and counts it; left out, captures are "Token usage" and count no generation. */
  contentType?: ContentType | undefined;
  /** What models cost; left out, the deployment's table: `[models]` of its `plans.toml`, fetched once and kept for five minutes. */
  price?: PriceTable | PriceFunction | undefined;
  /**
   * How many tokens to set aside; left out, the price of the prompt (a token for every three bytes of it as JSON, 2 000 for a file) and of
   * `maxOutputTokens`. What is used beyond comes from the balance.
   */
  estimate?: number | EstimateFunction | undefined;
  /** How many of its own tokens a model is estimated to answer when a call sets no `maxOutputTokens`; by default 1 000. */
  outputTokens?: number | undefined;
  /** How long tokens stay aside if this process ends without a word: 1–86 400 s, by default 300. Longer calls extend it. */
  ttlSeconds?: number | undefined;
  /** Your own data for reservation and history, beside `model` and `provider`: with them at most 2 KiB of JSON. */
  metadata?: Metadata | undefined;
  /** The language of refusals and of what the history says; left out, the client's. */
  language?: 'fr' | 'en' | undefined;
  /** Is told when an answer cost more than there was. The answer is given all the same. */
  onShortfall?: ((shortfall: Shortfall) => unknown) | undefined;
  /**
   * Is told what failed after the model's work; left out, `console.error` is. The answer, or the model's own error, is given all the same.
   * Tokens that could not be captured or released come back by themselves when the reservation ends.
   */
  onError?: ((error: unknown, failure: Failure) => unknown) | undefined;
  /** Keeps a serverless function alive for what is still to be told to Jeton: `waitUntil` of `@vercel/functions`, `after` of Next.js. */
  waitUntil?: ((work: Promise<void>) => unknown) | undefined;
}
