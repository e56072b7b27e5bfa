'use client';

import { leave } from '../actions/account';
import { useLanguage } from './language';

/** Who is signed in, and the way out. */
export function SignedIn({ user }: { user: string }) {
  const { texts } = useLanguage();
  return (
    <form className="row" action={() => leave().catch(console.warn)}>
      <code id="signed-in">{user}</code>
      <button className="quiet">{texts.signOut}</button>
    </form>
  );
}
