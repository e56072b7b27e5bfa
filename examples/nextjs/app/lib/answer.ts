// What actions answer. They never take a user from the browser: it is the one who is signed in.
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

/** Does the work for whoever is signed in, and for nobody else. What fails is told in their language. */
export async function answer<Made>(work: (asker: Asker) => Promise<Made>): Promise<Answer<Made>> {
  const language = await spokenLanguage();
  const texts = TEXTS[language];
  try {
    const userId = await signedInUser();
    if (userId === undefined) return { refused: { code: 'signed_out', message: texts.signedOut } };
    return { made: await work({ userId, language, texts }) };
  } catch (error) {
    unstable_rethrow(error);
    return { refused: refusalOf(error, texts) };
  }
}
