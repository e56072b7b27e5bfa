// What somebody writes who has installed the package and the AI SDK. It is compiled there.
import { streamText, wrapLanguageModel } from 'ai';
import type { LanguageModel, LanguageModelMiddleware } from 'ai';
import { Jeton } from 'jeton';
import { readTokenError, spendTokens, tokenErrorText } from 'jeton/ai';
import type { SpendTokensOptions, TokenError } from 'jeton/ai';

const jeton = new Jeton({ url: 'https://tokens.example', key: 'secret' });
const options: SpendTokensOptions = { jeton, userId: 'alice', contentType: 'ARTICLE', price: (usage, modelId) => modelId.length + (usage.inputTokens.total ?? 0) };
const middleware: LanguageModelMiddleware = spendTokens(options);

export function answer(model: Exclude<LanguageModel, string>, prompt: string): Response {
  const result = streamText({ model: wrapLanguageModel({ model, middleware }), prompt });
  return result.toUIMessageStreamResponse({ onError: error => tokenErrorText(error) ?? 'failed' });
}

export function missing(error: unknown): number {
  const refused: TokenError | undefined = readTokenError(error);
  return refused?.code === 'insufficient_tokens' ? refused.required - refused.available : 0;
}
