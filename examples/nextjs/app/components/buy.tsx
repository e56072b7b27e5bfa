'use client';

import { useRef, useState, type FormEvent } from 'react';
import { buy } from '../actions/buy';
import { numbers, prices } from '../lib/format';
import { PACKS } from '../lib/packs';
import { Shown, useAccount } from './account';
import { useLanguage } from './language';
import { Refused } from './refusal';
import { useSubmission } from './submission';

/** Buying. Each checkout is for one purchase, and sends its id along: however often it is sent, it buys once. */
export function Buy() {
  const { texts } = useLanguage();
  const [checkout, setCheckout] = useState(1);
  return (
    <section aria-labelledby="buy">
      <h2 id="buy" tabIndex={-1}>{texts.buyTitle}</h2>
      <Checkout key={checkout} focused={checkout > 1} another={() => setCheckout(checkout + 1)} />
    </section>
  );
}

function Checkout({ focused, another }: { focused: boolean; another: () => void }) {
  const { language, texts } = useLanguage();
  const { purchase, bought: settled } = usePurchase();
  const { made, refused, submit, pending } = useSubmission(async (form) => {
    form.set('purchase', purchase());
    const answer = await buy(form);
    if (answer.made !== undefined) settled();
    return answer;
  }, texts.noAnswerToPurchase);
  const bought = made !== undefined;
  const pay = (event: FormEvent<HTMLFormElement>) => (bought ? event.preventDefault() : submit(event));
  return (
    <form id="checkout" className="card" onSubmit={pay}>
      <p className="hint">{texts.buyExplained}</p>
      <Shown />
      <fieldset className="packs">
        <legend className="hidden">{texts.buyTitle}</legend>
        {PACKS.map((pack, at) => (
          <label key={pack.id}>
            <input type="radio" name="pack" value={pack.id} defaultChecked={at === 0} autoFocus={focused && at === 0} />
            <span>{texts.pack(numbers(language).format(pack.tokens))}</span>
            <span>{prices(language).format(pack.cents / 100)}</span>
          </label>
        ))}
      </fieldset>
      <div className="row">
        <button className="main" aria-disabled={pending || bought}>{texts.buy}</button>
        <p role="status">{made}</p>
        {bought && <button type="button" onClick={another}>{texts.buyAgain}</button>}
      </div>
      <Refused refusal={refused} />
    </form>
  );
}

/**
 * The id of a purchase, with the language that it is written down in. The tab keeps it until it is known that the purchase was made: who
 * gets no answer, and loads the page again and tries again, buys once.
 */
function usePurchase() {
  const { userId } = useAccount();
  const { language } = useLanguage();
  const id = useRef<string>(undefined);
  const kept = `purchase of ${userId}`;
  const purchase = () => {
    id.current ??= sessionStorage.getItem(kept) ?? `${language}-${crypto.randomUUID()}`;
    sessionStorage.setItem(kept, id.current);
    return id.current;
  };
  return { purchase, bought: () => sessionStorage.removeItem(kept) };
}
