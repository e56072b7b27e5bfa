'use server';

import { answer, type Answer } from '../lib/answer';
import { jeton } from '../lib/jeton';
import { PACKS } from '../lib/packs';
import { numbers } from '../lib/format';
import { LANGUAGES, TEXTS } from '../texts';

/** A purchase's own id, as the page makes it: the language it is written down in, and a UUID. */
const PURCHASE = /^[a-z]{2}-[0-9a-f-]{36}$/;

/**
 * Buys the pack in the form: a checkout that takes no money. The purchase's id and the pack are the idempotency key, so that a double click,
 * a reload and a retry buy once. All that is sent under a key follows from it: a retry in another language is the same purchase, too.
 * With a payment provider this is its webhook's work, and the key is the id of the payment.
 */
export async function buy(form: FormData): Promise<Answer<string>> {
  return answer(form.get('for'), async ({ userId, language, texts }) => {
    const pack = PACKS.find(({ id }) => id === form.get('pack'));
    const purchase = String(form.get('purchase'));
    const written = LANGUAGES.find((known) => purchase.startsWith(known));
    if (!pack || !written || !PURCHASE.test(purchase)) throw new Error('the form is not as the page has it');
    const description = TEXTS[written].purchase(numbers(written).format(pack.tokens));
    await jeton(language).addTokens(
      { userId, amount: pack.tokens, description, metadata: { pack: pack.id, cents: pack.cents } },
      { idempotencyKey: `purchase-${purchase}-${pack.id}` },
    );
    return texts.bought(numbers(language).format(pack.tokens));
  });
}
