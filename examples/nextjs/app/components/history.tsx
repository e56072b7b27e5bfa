'use client';

import type { Transaction } from 'jeton';
import { useTokens } from 'jeton/react';
import { useState } from 'react';
import { moments, numbers } from '../lib/format';
import { HISTORY_LENGTH } from '../lib/history-length';
import { useAccount } from './account';
import { useLanguage } from './language';
import { useTimeZone } from './time-zone';

/** The history: the newest entries as they happen, and older ones a page at a time. */
export function History() {
  const { language, texts } = useLanguage();
  const { transactions, more, loadMore } = useHistory();
  const number = numbers(language);
  const moment = moments(language, useTimeZone());
  return (
    <section aria-labelledby="history">
      <h2 id="history">{texts.history}</h2>
      <div className="table" role="region" tabIndex={0} aria-labelledby="history">
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.date}</th>
              <th scope="col">{texts.what}</th>
              <th scope="col" className="number">{texts.amount}</th>
              <th scope="col" className="number">{texts.balanceAfter}</th>
            </tr>
          </thead>
          <tbody id="entries">
            {transactions.map(({ id, type, amount, description, balance, timestamp }) => (
              <tr key={id} data-id={id}>
                <td><time dateTime={timestamp}>{moment.format(new Date(timestamp))}</time></td>
                <td className="wide">{description}</td>
                <td className={`number ${type}`}>{type === 'CREDIT' ? '+' : '−'}{number.format(amount)}</td>
                <td className="number">{number.format(balance)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more && <button className="older" type="button" onClick={() => loadMore().catch(console.warn)}>{texts.more}</button>}
    </section>
  );
}

/** The newest entries, as the stream tells them, and behind them the older ones that were asked for. */
function useHistory() {
  const { history } = useTokens();
  const { jeton } = useAccount();
  const [known, setKnown] = useState(history);
  const [end, setEnd] = useState('');
  const transactions = joined(history, known);
  // What the stream's window has moved past stays.
  if (transactions.length !== known.length || transactions[0]?.id !== known[0]?.id) setKnown(transactions);

  const last = transactions.at(-1)?.id;
  const loadMore = async () => {
    const page = await jeton.listTransactions({ limit: HISTORY_LENGTH, ...(last !== undefined && { cursor: last }) });
    setKnown((before) => (before.at(-1)?.id === last ? [...before, ...page.transactions] : before));
    if (page.nextCursor === null) setEnd(page.transactions.at(-1)?.id ?? last ?? '');
  };
  return { transactions, more: transactions.length >= HISTORY_LENGTH && last !== end, loadMore };
}

/** The newest entries, and those known before that follow them. A history that is another one, as after a reset, takes their place. */
function joined(newest: readonly Transaction[], known: readonly Transaction[]): readonly Transaction[] {
  const at = known.findIndex(({ id }) => id === newest.at(-1)?.id);
  return at < 0 ? newest : [...newest, ...known.slice(at + 1)];
}
