'use client';

/** The tokens of the user, for a component. */

import { use, useSyncExternalStore } from 'react';
import { JetonError } from '../problem.js';
import { isPage } from './accounts.js';
import { frameOf } from './frame.js';
import type { LoadedTokens, Tokens } from './frame.js';
import { useProvided } from './provider.js';

/** How `useTokens` waits. */
export interface UseTokensOptions {
  /**
   * Suspends until there are stats, and throws when there is an error instead. On a server without `initial` it throws too: React then
   * sends the fallback, and the browser goes on.
   */
  suspense?: boolean | undefined;
}

/** The balance, the history and how the stream is doing; the component is rendered anew with each change. */
export function useTokens(options: { suspense: true }): LoadedTokens;
export function useTokens(options?: UseTokensOptions): Tokens;
export function useTokens({ suspense = false }: UseTokensOptions = {}): Tokens {
  const { account, rendered, awaited } = useProvided();
  const tokens = useSyncExternalStore(account.subscribe, account.tokens, () => rendered);
  if (!suspense) return tokens;
  // On the server, or where the browser takes over what that rendered.
  if (tokens === rendered) {
    if (tokens.stats !== undefined) return tokens;
    const initial = awaited && use(awaited);
    const frame = initial && frameOf(initial, account.userId);
    if (frame !== undefined) return { ...tokens, stats: frame.stats, history: frame.history.slice(0, account.length), loading: false };
    if (!isPage()) throw new LeftToBrowser();
  }
  // Also where there are stats: who has waited by `use` comes back to it.
  use(account.ready());
  // The account was given up meanwhile, and React goes on where it was: it is waited for anew.
  if (tokens.loading) use(account.ready());
  if (tokens.stats === undefined) throw tokens.error;
  return tokens;
}

/** Nobody can wait for a stream on a server. */
class LeftToBrowser extends JetonError {
  /** By this Next.js knows an error that is none: it says nothing, there or in the browser. */
  readonly digest: string = 'BAILOUT_TO_CLIENT_SIDE_RENDERING';

  constructor() {
    super('left_to_browser', 'There is no `initial` to render: the browser reads the account.');
  }
}
