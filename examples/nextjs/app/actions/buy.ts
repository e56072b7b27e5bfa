'use server';

import { answer, type Answer } from '../lib/answer';
import { jeton } from '../lib/jeton';
import { PACKS } from '../lib/packs';
import { numbers } from '../lib/format';

/** A purchase's own id, as the page makes it. */
const PURCHASE = /^[0-9a-f-]{36}$/;

/**
 * Buys the pack in the form: a checkout that takes no money. The purchase's id is the idempotency key, so that a double click, a reload
 * and a retry buy once. With a payment provider this is its webhook's work, and the key is the id of the payment.
 */
export async function buy(_before: Answer<string> | undefined, form: FormData): Promise<Answer<string>> {
  return answer(async ({ userId, language, texts }) => {
    const pack = PACKS.find(({ id }) => id === form.get('pack'));
    const purchase = String(form.get('purchase'));
    if (!pack || !PURCHASE.test(purchase)) throw new Error('the form is not as the page has it');
    const tokens = numbers(language).format(pack.tokens);
    await jeton(language).addTokens(
      { userId, amount: pack.tokens, description: texts.purchase(tokens), metadata: { pack: pack.id, cents: pack.cents } },
      { idempotencyKey: `purchase-${purchase}` },
    );
    return texts.bought(tokens);
  });
}
