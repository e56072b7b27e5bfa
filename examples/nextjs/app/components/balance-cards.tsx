'use client';

import { TokenBalance, useTokens } from 'jeton/react';
import { days, numbers } from '../lib/format';
import { useLanguage } from './language';

/** The time zone of the plan in plans.toml: a billing day begins at midnight there, wherever the viewer is. */
const BILLING_ZONE = 'UTC';

/** The balance and what comes, and whether that is how it is now. */
export function BalanceCards() {
  const { language, texts } = useLanguage();
  const { stats, live, error } = useTokens();
  const number = numbers(language);
  const state = live ? 'live' : error ? 'lost' : 'loading';
  const text = { live: texts.live, lost: stats ? texts.lost : texts.lostWithoutNumbers, loading: texts.loading }[state];
  return (
    <section aria-label={texts.balance}>
      <p className="connection" data-state={state} role="status">{text}</p>
      <dl className="numbers">
        <div className="card">
          <dt>{texts.balance}</dt>
          <dd>
            <TokenBalance />
            {stats && stats.tokensReserved > 0 && <small>{texts.reserved(number.format(stats.tokensReserved))}</small>}
          </dd>
        </div>
        <div className="card">
          <dt>{texts.used}</dt>
          <dd>{stats ? number.format(stats.tokensUsed) : '–'}</dd>
        </div>
        <div className="card">
          <dt>{texts.nextBilling}</dt>
          <dd>
            {stats ? days(language, BILLING_ZONE).format(new Date(stats.nextBillingDate)) : '–'}
            {stats && <small>{texts.plan(stats.plan)}</small>}
          </dd>
        </div>
      </dl>
    </section>
  );
}
