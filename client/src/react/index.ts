'use client';

/** Tokens for React 19: `useTokens()` under a `<TokensProvider>`, and `<TokenBalance/>` as an example. */

export type { Initial, LoadedTokens, Tokens } from './frame.js';
export { TokensProvider } from './provider.js';
export type { TokensProviderProps } from './provider.js';
export { TokenBalance } from './token-balance.js';
export type { TokenBalanceProps } from './token-balance.js';
export { useTokens } from './use-tokens.js';
export type { UseTokensOptions } from './use-tokens.js';
