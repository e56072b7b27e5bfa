'use client';

import { Jeton } from 'jeton';
import { TokensProvider } from 'jeton/react';
import { createContext, use, useState, type ComponentProps, type ReactNode } from 'react';
import { HISTORY_LENGTH } from '../lib/history-length';
import { useLanguage } from './language';

const JetonContext = createContext<Jeton | undefined>(undefined);

interface AccountProps {
  userId: string;
  /** Where Jeton is: known when the server runs, not when it is built. */
  url: string;
  initial: ComponentProps<typeof TokensProvider>['initial'];
  children: ReactNode;
}

/** The account of whoever is signed in, live, for all that is below. */
export function Account({ userId, url, initial, children }: AccountProps) {
  const { language } = useLanguage();
  const [jeton] = useState(() => new Jeton({ url, session }));
  return (
    <TokensProvider key={userId} url={url} session={session} userId={userId} language={language} historyLength={HISTORY_LENGTH} {...(initial && { initial })}>
      <JetonContext value={jeton}>{children}</JetonContext>
    </TokensProvider>
  );
}

/** Jeton, for what the stream does not tell: it reads the account of whoever is signed in, and nothing else. */
export function useJeton(): Jeton {
  const jeton = use(JetonContext);
  if (!jeton) throw new Error('it is used outside of an Account');
  return jeton;
}

/** A session from our server, for as long as somebody is signed in. */
async function session(): Promise<string> {
  const response = await fetch('/session', { method: 'POST' });
  // Signed out, in another tab perhaps: the page begins anew.
  if (response.status === 401) location.reload();
  if (!response.ok) throw new Error(`there is no session: ${response.status}`);
  const { token } = await response.json();
  return token;
}
