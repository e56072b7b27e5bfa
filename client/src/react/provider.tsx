'use client';

/** Says whose tokens the components below it show. */

import { createContext, useContext, useEffect, useLayoutEffect, useMemo, useState } from 'react';
import type { JSX, ReactNode } from 'react';
import { JetonError } from '../problem.js';
import type { SessionSource } from '../session.js';
import type { Account } from './account.js';
import { accountOf, claim } from './accounts.js';
import { frameOf, tokensOf } from './frame.js';
import type { Initial, Tokens } from './frame.js';

/** How many entries of the history there are unless it is said. */
const HISTORY_LENGTH = 50;

/** What a provider takes. */
export interface TokensProviderProps {
  /** Where Jeton is deployed, as `https://tokens.example`. */
  url: string | URL;
  /**
   * A user token, or what gets one: a route of your server's that calls `createSession`. It is asked again when the token is about to end,
   * or was refused; the function of the last rendering is the one that counts.
   */
  session: SessionSource;
  /**
   * Whose account. It may be left out where the session says it; then who signs in as somebody else without a reload mounts the provider
   * anew, by a `key`.
   */
  userId?: string | undefined;
  /** What the server that renders the page has read; a promise of it is streamed to components that suspend. */
  initial?: Initial | PromiseLike<Initial> | undefined;
  /** The language of messages and numbers; by default that of the document. */
  language?: 'fr' | 'en' | undefined;
  /** How many entries the history has at most: 1–1000, by default 50. */
  historyLength?: number | undefined;
  children?: ReactNode;
}

/** What a provider gives to the hook. */
export interface Provided {
  account: Account;
  /** What the server rendered, which the browser begins with. */
  rendered: Tokens;
  /** What the server was still reading when it rendered that; undefined if it fails. */
  awaited: Promise<Initial | undefined> | undefined;
  language: 'fr' | 'en' | undefined;
}

const Context = createContext<Provided | undefined>(undefined);

/** Gives the tokens of one user to the components below it. All of them, in all tabs of a browser, share one stream. */
export function TokensProvider(props: TokensProviderProps): JSX.Element {
  const { session, userId, initial, language, historyLength = HISTORY_LENGTH, children } = props;
  const url = new URL(props.url).href;
  const owner = useState(() => ({}))[0];
  const [refused, setRefused] = useState(0);
  const read = initial !== undefined && !isPromise(initial) ? initial : undefined;
  const awaited = initial !== undefined && isPromise(initial) ? settled(initial) : undefined;

  // The session and what was read are for the beginning; what comes of them later, the effects below bring.
  const { account, rendered } = useMemo(() => {
    const account = accountOf({ url, userId, length: historyLength }, { session, language }, read);
    const frame = read && frameOf(read, userId);
    return { account, rendered: tokensOf(frame, historyLength, { live: false, error: undefined, refresh: account.refresh }) };
  }, [url, userId, historyLength, refused]);

  useLayoutEffect(() => {
    if (!claim(account, owner)) setRefused(count => count + 1);
  }, [account, owner]);
  useEffect(() => account.configure({ session, language }), [account, session, language]);
  useEffect(() => {
    if (read !== undefined) account.offer(read);
    void awaited?.then(initial => { if (initial !== undefined) account.offer(initial); });
  }, [account, read, awaited]);

  const provided = useMemo(() => ({ account, rendered, awaited, language }), [account, rendered, awaited, language]);
  return <Context value={provided}>{children}</Context>;
}

/** What the provider above gives. */
export function useProvided(): Provided {
  const provided = useContext(Context);
  if (provided === undefined) throw new JetonError('invalid_argument', '`useTokens` needs a `<TokensProvider>` above it.');
  return provided;
}

/** Promises as they came, and as they are waited for: the same for each rendering. */
const waits = new WeakMap<PromiseLike<Initial>, Promise<Initial | undefined>>();

/** Without what was read, the browser reads it. */
function settled(initial: PromiseLike<Initial>): Promise<Initial | undefined> {
  let wait = waits.get(initial);
  if (wait === undefined) {
    // What React passes from server to browser has a `then`, but one that gives nothing back.
    wait = new Promise(resolve => { initial.then(resolve, () => resolve(undefined)); });
    waits.set(initial, wait);
  }
  return wait;
}

function isPromise(initial: Initial | PromiseLike<Initial>): initial is PromiseLike<Initial> {
  return 'then' in initial;
}
