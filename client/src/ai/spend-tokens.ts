/** The middleware. */

import type { LanguageModelMiddleware } from 'ai';
import { Charge } from './charge.js';
import { isFailure } from './model.js';
import type { SpendTokensOptions } from './options.js';
import { charged } from './stream.js';

/**
 * Lets calls of a language model cost a user's tokens. Before each call an estimate is set aside; without enough tokens it throws a
 * `JetonProblem` (`insufficient_tokens`, `spending_cap_reached`), and the model is not called. After it what the model says it used is
 * captured, and the rest goes back. When the model fails, or the call is aborted or its stream is left, all goes back, but for what the model is
 * known to have used. When this process ends without a word, all comes back by itself after `ttlSeconds`. Each step of a tool loop, and each
 * of the SDK's own attempts, is a call of its own.
 *
 * @example
 * const model = wrapLanguageModel({ model: anyModel, middleware: spendTokens({ jeton, userId: 'alice', contentType: 'ARTICLE' }) });
 */
export function spendTokens(options: SpendTokensOptions): LanguageModelMiddleware & { readonly specificationVersion: 'v4' } {
  return {
    specificationVersion: 'v4',
    async wrapGenerate({ doGenerate, params, model }) {
      const charge = await Charge.begin(options, model, params);
      const answer = await givingBack(charge, doGenerate);
      await charge.finish(answer.usage, isFailure(answer.finishReason));
      return answer;
    },
    async wrapStream({ doStream, params, model }) {
      const charge = await Charge.begin(options, model, params);
      const answer = await givingBack(charge, doStream);
      return { ...answer, stream: charged(answer.stream, charge) };
    },
  };
}

/** What the model answers; when it throws, the tokens go back first. */
async function givingBack<Answer>(charge: Charge, ask: () => PromiseLike<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    await charge.giveBack();
    throw error;
  }
}
