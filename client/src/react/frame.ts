/** What is shown of an account. */

import type { JetonError } from '../problem.js';
import type { Stats, Transaction } from '../types.js';

/** What a page may know of an account before it asks: what the server that rendered it has read. */
export interface Initial {
  /** What `getStats` answered. */
  stats: Stats;
  /** The newest entries, newest first, as `listTransactions` answered. */
  transactions?: readonly Transaction[];
}

/** An account at one moment: the stats, and the history that adds up to them. They come and go together. */
export interface Frame {
  readonly stats: Stats;
  /** The newest entries, newest first. */
  readonly history: readonly Transaction[];
  /** How many entries it has, unless the history has fewer. */
  readonly length: number;
  /** When its history was last read as a page, in milliseconds, by the clock that all tabs of this browser share. */
  readonly readAt: number;
}

/** What `useTokens` gives. */
export interface Tokens {
  /** The account as last told; undefined while there is nothing to show. */
  readonly stats: Stats | undefined;
  /** The newest entries, newest first, in step with `stats`. */
  readonly history: readonly Transaction[];
  /** Whether each change comes at once. What is shown while it is false may be old. */
  readonly live: boolean;
  /** Whether there is nothing to show yet, and no error either. */
  readonly loading: boolean;
  /** Why it is not live. What was told before stays; it is undefined again as soon as it is live. */
  readonly error: JetonError | undefined;
  /** Reads the account anew, at once, in whichever tab has the stream: after an error, instead of the next attempt. */
  readonly refresh: () => void;
}

/** What `useTokens({ suspense: true })` gives. */
export interface LoadedTokens extends Tokens {
  readonly stats: Stats;
  readonly loading: false;
}

/** The frame of what a server has read, unless it is about somebody else than the user who is meant. */
export function frameOf({ stats, transactions = [] }: Initial, user: string | undefined): Frame | undefined {
  if (!isOf(stats, user)) return undefined;
  return { stats, history: transactions, length: transactions.length, readAt: Date.now() };
}

/** Whether they are that user's; whoever does not say who is meant takes anybody's. */
export function isOf(stats: Stats, user: string | undefined): boolean {
  return user === undefined || stats.memberId === user;
}

/**
 * Whether `next` may take the place of what is shown. Of two stats the one with the greater version is the newer; only where the history
 * was read anew since can it be smaller, as after a fail-over to a server that has not got everything.
 */
export function supersedes(next: Frame, shown: Frame | undefined): boolean {
  if (shown === undefined || next.readAt > shown.readAt) return true;
  if (next.stats.version === shown.stats.version) return next.length >= shown.length;
  return next.stats.version > shown.stats.version;
}

/** What a component sees; `length` is how much of the history it wants. */
export function tokensOf(
  frame: Frame | undefined,
  length: number,
  { live, error, refresh }: Pick<Tokens, 'live' | 'error' | 'refresh'>,
): Tokens {
  return {
    stats: frame?.stats,
    history: frame?.history.slice(0, length) ?? [],
    live,
    loading: frame === undefined && error === undefined,
    error,
    refresh,
  };
}
