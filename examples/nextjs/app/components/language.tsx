'use client';

import { createContext, use, type ReactNode } from 'react';
import { changeLanguage } from '../actions/account';
import { LANGUAGES, TEXTS, type Language, type Texts } from '../texts';

const LanguageContext = createContext<Language>(LANGUAGES[0]);

/** Everything below speaks this language. */
export function Speaking({ language, children }: { language: Language; children: ReactNode }) {
  return <LanguageContext value={language}>{children}</LanguageContext>;
}

/** The language that is spoken, and its texts. */
export function useLanguage(): { language: Language; texts: Texts } {
  const language = use(LanguageContext);
  return { language, texts: TEXTS[language] };
}

/** Changes to the other language. */
export function LanguageSwitch() {
  const { language, texts } = useLanguage();
  const other = language === 'fr' ? 'en' : 'fr';
  return (
    <form action={(form) => changeLanguage(form).catch(console.warn)}>
      <button className="quiet" name="language" value={other} lang={other}>{texts.otherLanguage}</button>
    </form>
  );
}
