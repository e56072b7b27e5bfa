import type { Metadata, Viewport } from 'next';
import type { ReactNode } from 'react';
import { LanguageSwitch, Speaking } from './components/language';
import { SignedIn } from './components/signed-in';
import { spokenLanguage } from './lib/language';
import { signedInUser } from './lib/user';
import './style.css';
import { TEXTS } from './texts';

export async function generateMetadata(): Promise<Metadata> {
  const texts = TEXTS[await spokenLanguage()];
  return { title: texts.title, description: texts.description, robots: { index: false } };
}

export const viewport: Viewport = { colorScheme: 'light dark' };

export default async function Layout({ children }: { children: ReactNode }) {
  const [language, user] = [await spokenLanguage(), await signedInUser()];
  const texts = TEXTS[language];
  return (
    <html lang={language}>
      <body>
        <Speaking language={language}>
          <header>
            <div>
              <h1>{texts.name}</h1>
              <p>{texts.description}</p>
            </div>
            <div className="row">
              {user !== undefined && <SignedIn user={user} />}
              <LanguageSwitch />
            </div>
          </header>
          <main>{children}</main>
        </Speaking>
      </body>
    </html>
  );
}
