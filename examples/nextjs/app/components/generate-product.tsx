'use client';

import { useActionState } from 'react';
import { describeProduct } from '../actions/product';
import { numbers } from '../lib/format';
import { PRODUCT_PRICE } from '../lib/prices';
import { useLanguage } from './language';
import { Refused } from './refusal';

/** A product description: asked for with a server action, at a fixed price. */
export function GenerateProduct() {
  const { language, texts } = useLanguage();
  const [answer, generate, pending] = useActionState(describeProduct, undefined);
  return (
    <form id="product" className="card" action={generate}>
      <h3>{texts.product}</h3>
      <p className="hint">{texts.productPrice(numbers(language).format(PRODUCT_PRICE))}</p>
      <label htmlFor="product-name">{texts.productName}</label>
      <input id="product-name" name="product" required maxLength={200} defaultValue={texts.productExample} />
      <div className="row">
        <button className="main" disabled={pending}>{pending ? texts.generating : texts.generateProduct}</button>
      </div>
      <Refused refusal={answer?.refused} />
      <p className="text" role="status" aria-busy={pending} hidden={answer?.made === undefined}>{answer?.made}</p>
    </form>
  );
}
