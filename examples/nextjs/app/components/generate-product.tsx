'use client';

import { describeProduct } from '../actions/product';
import { numbers } from '../lib/format';
import { PRODUCT_PRICE } from '../lib/prices';
import { Shown } from './account';
import { useLanguage } from './language';
import { Refused } from './refusal';
import { useSubmission } from './submission';

/** A product description: asked for with a server action, at a fixed price. */
export function GenerateProduct() {
  const { language, texts } = useLanguage();
  const { made, refused, submit, pending } = useSubmission(describeProduct, texts.noAnswer);
  return (
    <form id="product" className="card" onSubmit={submit}>
      <h3>{texts.product}</h3>
      <p className="hint">{texts.productPrice(numbers(language).format(PRODUCT_PRICE))}</p>
      <Shown />
      <label htmlFor="product-name">{texts.productName}</label>
      <input id="product-name" name="product" required pattern=".*\S.*" maxLength={200} defaultValue={texts.productExample} />
      <div className="row">
        <button className="main" aria-disabled={pending}>{pending ? texts.generating : texts.generateProduct}</button>
      </div>
      <Refused refusal={refused} />
      <p className="text" role="status" aria-busy={pending} hidden={made === undefined}>{made}</p>
    </form>
  );
}
