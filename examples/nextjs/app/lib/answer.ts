// What actions answer. They never take a user from the browser: it is the one who is signed in. A page says along whom it shows, as a
// check: another tab may have signed in as somebody else since.
import 'server-only';
import { unstable_rethrow } from 'next/navigation';
import { refusalOf, type Refusal } from './refusal';
import { spokenLanguage } from './language';
import { TEXTS, type Language, type Texts } from '../texts';
import { signedInUser } from './user';

/** What an action made, or why it did not. */
export type Answer<Made> = { made: Made; refused?: never } | { made?: never; refused: Refusal };

/** Who asks, and in which language. */
export interface Asker {
  userId: string;
  language: Language;
  texts: Texts;
}

/** Who asks, by the cookies and headers of the request; `undefined` when nobody is signed in, or somebody else than the page has `shown`. */
export async function asker(shown: unknown): Promise<Asker | undefined> {
  const [userId, language] = [await signedInUser(), await spokenLanguage()];
  return userId === undefined || userId !== shown ? undefined : { userId, language, texts: TEXTS[language] };
}

/** Does an action's work for whoever is signed in, if that is whom the page has `shown`. What fails is told in their language. */
export async function answer<Made>(shown: unknown, work: (who: Asker) => Promise<Made>): Promise<Answer<Made>> {
  const texts = TEXTS[await spokenLanguage()];
  try {
    const who = await asker(shown);
    return who ? { made: await work(who) } : { refused: { code: 'signed_out', message: texts.signedOut } };
  } catch (error) {
    unstable_rethrow(error);
    return { refused: refusalOf(error, texts) };
  }
}
