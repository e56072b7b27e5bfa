import 'server-only';
import { cookies, headers } from 'next/headers';
import { LANGUAGES, type Language } from '../texts';

const COOKIE = 'language';
const A_YEAR_SECONDS = 365 * 24 * 60 * 60;

/** The language to speak to a request: the one that was chosen with the switch, else the browser's, else French. */
export async function spokenLanguage(): Promise<Language> {
  const chosen = (await cookies()).get(COOKIE)?.value;
  return LANGUAGES.find((language) => language === chosen) ?? preferred((await headers()).get('accept-language') ?? '');
}

/** Speaks this language to this browser from now on. */
export async function speak(language: Language): Promise<void> {
  (await cookies()).set(COOKIE, language, { sameSite: 'lax', maxAge: A_YEAR_SECONDS });
}

/** The first of our languages in an `Accept-Language`: browsers put what they like best first. */
function preferred(accepted: string): Language {
  const wanted = accepted.split(',').map((range) => range.trim().slice(0, 2).toLowerCase());
  return wanted.flatMap((name) => LANGUAGES.find((language) => language === name) ?? []).at(0) ?? LANGUAGES[0];
}
