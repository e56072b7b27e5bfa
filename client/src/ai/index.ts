/**
 * Jeton for the AI SDK: {@link spendTokens} lets calls of a language model cost a user's tokens; {@link tokenErrorText} and
 * {@link readTokenError} bring a refusal to the user.
 *
 * @packageDocumentation
 */

export { spendTokens } from './spend-tokens.js';
export { readTokenError, tokenErrorText } from './token-error.js';
export type { TokenError } from './token-error.js';
export type { EstimateFunction, Failure, PriceFunction, Shortfall, SpendTokensOptions } from './options.js';
export type { ModelCall, ModelName, ModelUsage } from './model.js';
export type { ModelPrice, PriceTable } from '../prices.js';
