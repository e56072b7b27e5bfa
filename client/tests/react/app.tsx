/** The page of the scenarios: what a test wants to see of `useTokens`, and what it wants to do to it. */

import { Component, StrictMode, Suspense, useState } from 'react';
import type { JSX, ReactNode } from 'react';
import { TokenBalance, TokensProvider, useTokens } from 'jeton/react';
import type { Initial, Tokens } from 'jeton/react';

/** How the page is made: the query of its address. */
export interface PageOptions {
  url: string;
  /** Whose account; undefined to leave that to the session. */
  userId: string | undefined;
  /** Who is signed in. */
  signedIn: string;
  /** How long a session lasts, in seconds. */
  ttl: string;
  suspense: boolean;
  /** Whether the boundary is above the provider. */
  outside: boolean;
  language: 'fr' | 'en' | undefined;
  historyLength: number | undefined;
}

/** What a scenario can do to the page. */
export interface Controls {
  signIn(user: string, userId: string | undefined): void;
  mount(shown: boolean): void;
  refresh(): void;
}

declare global {
  interface Window {
    controls?: Partial<Controls>;
    /** What was seen at some time and must never be. */
    wrong?: string[];
  }
}

/** What the query says. */
export function optionsOf(query: URLSearchParams): PageOptions {
  const language = query.get('language');
  const historyLength = query.get('historyLength');
  return {
    url: query.get('url') ?? '',
    userId: query.get('userId') ?? undefined,
    signedIn: query.get('signedIn') ?? query.get('userId') ?? '',
    ttl: query.get('ttl') ?? '900',
    suspense: query.has('suspense'),
    outside: query.has('outside'),
    language: language === 'fr' || language === 'en' ? language : undefined,
    historyLength: historyLength === null ? undefined : Number(historyLength),
  };
}

/** The page. */
export function App({ options, initial }: { options: PageOptions; initial?: Initial | Promise<Initial> | undefined }): JSX.Element {
  const [who, setWho] = useState({ signedIn: options.signedIn, userId: options.userId });
  const [shown, setShown] = useState(true);
  if (typeof window !== 'undefined') {
    window.controls = { ...window.controls, mount: setShown, signIn: (signedIn, userId) => setWho({ signedIn, userId }) };
  }
  const session = async (): Promise<string> => {
    const answer = await fetch(`/session?user=${who.signedIn}&ttl=${options.ttl}`);
    if (!answer.ok) throw new Error(`no session: ${answer.status}`);
    return answer.text();
  };
  const panels = shown && <>
    <Waiting on={options.suspense && !options.outside}><Panel name="one" suspense={options.suspense}/></Waiting>
    <Waiting on={options.suspense && !options.outside}><Panel name="two" suspense={options.suspense}/></Waiting>
    <TokenBalance id="balance" className="big"/>
    <Refresh/>
  </>;
  return (
    <StrictMode>
      <main>
        <Waiting on={options.outside}>
          <TokensProvider
            key={who.userId ?? who.signedIn}
            url={options.url}
            session={session}
            userId={who.userId}
            initial={initial}
            language={options.language}
            historyLength={options.historyLength}
          >
            {panels}
          </TokensProvider>
        </Waiting>
      </main>
    </StrictMode>
  );
}

function Waiting({ on, children }: { on: boolean; children: ReactNode }): ReactNode {
  if (!on) return children;
  return <Failing><Suspense fallback={<p className="fallback">…</p>}>{children}</Suspense></Failing>;
}

/** Shows an error that was thrown, with a way to go on. */
class Failing extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state = { error: undefined };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state as { error: Error | undefined };
    if (error === undefined) return this.props.children;
    return <button type="button" className="failed" onClick={() => this.setState({ error: undefined })}>{String(error)}</button>;
  }
}

function Panel({ name, suspense }: { name: string; suspense: boolean }): JSX.Element {
  const tokens = useTokens({ suspense });
  if (typeof window !== 'undefined') check(name, tokens);
  const { stats, history, live, loading, error } = tokens;
  return (
    <section
      id={name}
      data-user={stats?.memberId}
      data-balance={stats?.tokenBalance}
      data-history={history.map(({ id }) => id).join(' ')}
      data-live={live}
      data-loading={loading}
      data-error={error?.code}
    >
      {stats?.tokenBalance}
    </section>
  );
}

function Refresh(): null {
  const { refresh } = useTokens();
  if (typeof window !== 'undefined') window.controls = { ...window.controls, refresh };
  return null;
}

/** The last version that each component has shown, of each user. */
const versions = new Map<string, number>();

/** What must hold of all that is ever rendered; no scenario here reserves anything. */
function check(name: string, { stats, history, live, loading, error }: Tokens): void {
  const wrong = (window.wrong ??= []);
  const ids = history.map(({ id }) => id);
  const told = JSON.stringify({ name, version: stats?.version, balance: stats?.tokenBalance, live, loading, error: error?.code, ids });
  if (stats !== undefined && history[0] !== undefined && history[0].balance !== stats.tokenBalance) wrong.push(`not in step: ${told}`);
  const inOrder = ids.every((id, at) => at === 0 || order(id) < order(ids[at - 1] ?? ''));
  if (!inOrder) wrong.push(`twice or in disorder: ${told}`);
  const gap = history.some((entry, at) => {
    const before = history[at + 1];
    return before !== undefined && before.balance + (entry.type === 'CREDIT' ? entry.amount : -entry.amount) !== entry.balance;
  });
  if (gap) wrong.push(`a gap: ${told}`);
  if (live && (error !== undefined || loading)) wrong.push(`live and not: ${told}`);
  if (loading !== (stats === undefined && error === undefined)) wrong.push(`loading: ${told}`);
  if (stats === undefined) return;
  const key = `${name} ${stats.memberId}`;
  if (stats.version < (versions.get(key) ?? 0)) wrong.push(`older again: ${told}`);
  versions.set(key, stats.version);
}

/** Where an id stands: milliseconds, and a number among those of the same one. */
function order(id: string): number {
  const [ms = '0', n = '0'] = id.split('-');
  return Number(ms) * 1000 + Number(n);
}
