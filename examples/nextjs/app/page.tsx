import { Account } from './components/account';
import { BalanceCards } from './components/balance-cards';
import { Buy } from './components/buy';
import { GenerateArticle } from './components/generate-article';
import { GenerateProduct } from './components/generate-product';
import { History } from './components/history';
import { SignIn } from './components/sign-in';
import { Usage } from './components/usage';
import { HISTORY_LENGTH } from './lib/history-length';
import { jeton } from './lib/jeton';
import { spokenLanguage } from './lib/language';
import { setting } from './lib/settings';
import { signedInUser } from './lib/user';
import { TEXTS, type Language } from './texts';

export default async function Page() {
  const [language, userId] = [await spokenLanguage(), await signedInUser()];
  if (userId === undefined) return <SignIn />;
  const texts = TEXTS[language];
  return (
    <Account key={userId} userId={userId} url={setting('JETON_URL')} initial={await firstSight(userId, language)}>
      <BalanceCards />
      <section aria-labelledby="generate">
        <h2 id="generate">{texts.generate}</h2>
        <div className="columns">
          <GenerateArticle />
          <GenerateProduct />
        </div>
      </section>
      <div className="columns">
        <Buy />
        <Usage />
      </div>
      <History />
    </Account>
  );
}

/** The account as the page shows it before the browser follows it. Nobody waits for it for long: the browser asks, too. */
async function firstSight(userId: string, language: Language) {
  const options = { timeoutMs: 2_000, retries: 0 };
  try {
    const [stats, { transactions }] = await Promise.all([
      jeton(language).getStats({ userId }, options),
      jeton(language).listTransactions({ userId, limit: HISTORY_LENGTH }, options),
    ]);
    return { stats, transactions };
  } catch (error) {
    console.error(error);
    return undefined;
  }
}
