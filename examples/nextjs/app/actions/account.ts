'use server';

import { LANGUAGES, TEXTS } from '../texts';
import { speak, spokenLanguage } from '../lib/language';
import { signIn, signOut } from '../lib/user';

/** Signs in under the name in the form. The answer is what is wrong with it, for people. */
export async function signInAs(_before: string, form: FormData): Promise<string> {
  return (await signIn(String(form.get('user')).trim())) ? '' : TEXTS[await spokenLanguage()].userNameRefused;
}

export async function leave(): Promise<void> {
  await signOut();
}

/** Speaks the language in the form from now on, if it is one of ours. */
export async function changeLanguage(form: FormData): Promise<void> {
  const language = LANGUAGES.find((known) => known === form.get('language'));
  if (language) await speak(language);
}
