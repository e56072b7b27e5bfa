'use client';

import { Jeton } from 'jeton';
import { TokensProvider } from 'jeton/react';
import { createContext, use, useState, type ComponentProps, type ReactNode } from 'react';
import { HISTORY_LENGTH } from '../lib/history-length';
import { useLanguage } from './language';

const AccountContext = createContext<{ userId: string; jeton: Jeton } | undefined>(undefined);

interface AccountProps {
  userId: string;
  /** Where Jeton is: known when the server runs, not when it is built. */
  url: string;
  initial: ComponentProps<typeof TokensProvider>['initial'];
  children: ReactNode;
}

/** The account of whoever is signed in, live, for all that is below. For another user it is mounted anew, by its key. */
export function Account({ userId, url, initial, children }: AccountProps) {
  const { language } = useLanguage();
  const [session] = useState(() => () => sessionOf(userId));
  const [account] = useState(() => ({ userId, jeton: new Jeton({ url, session }) }));
  return (
    <TokensProvider url={url} session={session} userId={userId} initial={initial} language={language} historyLength={HISTORY_LENGTH}>
      <AccountContext value={account}>{children}</AccountContext>
    </TokensProvider>
  );
}

/** Whose account is shown; and Jeton, for what the stream does not tell: it reads that account, and nothing else. */
export function useAccount(): { userId: string; jeton: Jeton } {
  const account = use(AccountContext);
  if (!account) throw new Error('it is used outside of an Account');
  return account;
}

/** Sends along with a form whom the page shows. It gives no rights: where somebody else is signed in by now, nothing is done. */
export function Shown() {
  return <input type="hidden" name="for" value={useAccount().userId} />;
}

/** A session from our server, for as long as this user is signed in. */
async function sessionOf(userId: string): Promise<string> {
  const response = await fetch('/session', { method: 'POST' });
  const session = response.ok ? await response.json() : undefined;
  if (session?.userId === userId) return session.token;
  // Signed out, or somebody else now, by another tab: the page begins anew.
  if (session || response.status === 401) location.reload();
  throw new Error(`there is no session: ${response.status}`);
}
