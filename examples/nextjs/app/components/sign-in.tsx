'use client';

import { useActionState } from 'react';
import { signInAs } from '../actions/account';
import { useLanguage } from './language';

const TEST_USER = 'test-user-id';

/** Signs in, as the test user or under a name of one's own. */
export function SignIn() {
  const { texts } = useLanguage();
  const [wrong, signIn, pending] = useActionState((before: string, form: FormData) => signInAs(before, form).catch(() => texts.offline), '');
  return (
    <section className="card sign-in">
      <h2>{texts.signInTitle}</h2>
      <p>{texts.signInExplained}</p>
      <form action={signIn}>
        <button className="main" name="user" value={TEST_USER} aria-disabled={pending}>{texts.signInTest}</button>
      </form>
      <form action={signIn}>
        <label htmlFor="user">{texts.userName}</label>
        <div className="row">
          <input id="user" name="user" required maxLength={128} autoComplete="username" autoCapitalize="none" spellCheck={false} />
          <button aria-disabled={pending}>{texts.signIn}</button>
        </div>
        <p role="alert">{wrong}</p>
      </form>
    </section>
  );
}
