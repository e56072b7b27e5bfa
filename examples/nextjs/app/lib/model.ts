import 'server-only';
import { wrapLanguageModel } from 'ai';
import { spendTokens } from 'jeton/ai';
import type { Asker } from './answer';
import { jeton } from './jeton';
import { PRODUCT_PRICE } from './prices';
import { writer } from './writer';

/** The model for articles. The user pays for what it says it used, by the prices that plans.toml has for it. */
export function articleWriter({ userId, language }: Asker) {
  return wrapLanguageModel({
    model: writer(language, 'article'),
    middleware: spendTokens({ jeton: jeton(), userId, contentType: 'ARTICLE' }),
  });
}

/** The model for product descriptions. The user pays a fixed price, whatever it used. */
export function productWriter({ userId, language }: Asker) {
  return wrapLanguageModel({
    model: writer(language, 'product'),
    middleware: spendTokens({
      jeton: jeton(),
      userId,
      contentType: 'PRODUCT_DESCRIPTION',
      estimate: () => PRODUCT_PRICE,
      price: () => PRODUCT_PRICE,
    }),
  });
}
