// The models, each with its price. They refuse whoever has too few tokens before they begin.
import 'server-only';
import { wrapLanguageModel } from 'ai';
import { spendTokens } from 'jeton/ai';
import { after } from 'next/server';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Asker } from './answer';
import { jeton } from './jeton';
import { PRODUCT_PRICE } from './prices';
import { writer } from './writer';

/** Keeps a serverless function until Jeton has been told. An abort comes from outside the request, whose scope `after` asks for. */
function untilSettled() {
  return AsyncLocalStorage.bind(after);
}

/** The model for articles. They are paid for by what the model says it used, at the prices that plans.toml has for it. */
export function articleWriter({ userId, language }: Asker) {
  return wrapLanguageModel({
    model: writer(language, 'article'),
    middleware: spendTokens({ jeton: jeton(language), userId, contentType: 'ARTICLE', waitUntil: untilSettled() }),
  });
}

/** The model for product descriptions. They have a fixed price, whatever it used. */
export function productWriter({ userId, language }: Asker) {
  return wrapLanguageModel({
    model: writer(language, 'product'),
    middleware: spendTokens({
      jeton: jeton(language),
      userId,
      contentType: 'PRODUCT_DESCRIPTION',
      estimate: PRODUCT_PRICE,
      price: () => PRODUCT_PRICE,
      waitUntil: untilSettled(),
    }),
  });
}
