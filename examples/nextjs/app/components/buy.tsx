'use client';

import { useActionState, useState } from 'react';
import { buy } from '../actions/buy';
import { numbers, prices } from '../lib/format';
import { PACKS } from '../lib/packs';
import { useLanguage } from './language';
import { Refused } from './refusal';

/** Buying. Each checkout is for one purchase, and sends its id along: however often it is sent, it buys once. */
export function Buy({ firstPurchase }: { firstPurchase: string }) {
  const { texts } = useLanguage();
  const [purchase, setPurchase] = useState(firstPurchase);
  return (
    <section aria-labelledby="buy">
      <h2 id="buy" tabIndex={-1}>{texts.buyTitle}</h2>
      <Checkout key={purchase} purchase={purchase} another={() => setPurchase(crypto.randomUUID())} />
    </section>
  );
}

function Checkout({ purchase, another }: { purchase: string; another: () => void }) {
  const { language, texts } = useLanguage();
  const [answer, pay, pending] = useActionState(buy, undefined);
  const bought = answer?.made !== undefined;
  return (
    <form id="checkout" className="card" action={pay}>
      <p className="hint">{texts.buyExplained}</p>
      <input type="hidden" name="purchase" value={purchase} />
      <fieldset className="packs" disabled={bought}>
        <legend className="hidden">{texts.buyTitle}</legend>
        {PACKS.map((pack, at) => (
          <label key={pack.id}>
            <input type="radio" name="pack" value={pack.id} defaultChecked={at === 0} />
            <span>{texts.pack(numbers(language).format(pack.tokens))}</span>
            <span>{prices(language).format(pack.cents / 100)}</span>
          </label>
        ))}
      </fieldset>
      <div className="row">
        <button className="main" disabled={pending || bought}>{texts.buy}</button>
        <p role="status">{answer?.made}</p>
        {bought && <button type="button" onClick={another}>{texts.buyAgain}</button>}
      </div>
      <Refused refusal={answer?.refused} />
    </form>
  );
}
