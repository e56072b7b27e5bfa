/** How many tokens to set aside before it is known what a model uses. */

import type { ModelCall, ModelName, ModelUsage } from './model.js';
import type { SpendTokensOptions } from './options.js';
import { tokens } from './pricing.js';
import type { Pricing } from './pricing.js';

/** How many bytes of UTF-8 a model's token has at least, about: English has four, source code and most other languages three. */
const BYTES_PER_TOKEN = 3;
/** What a file is taken for, in a model's tokens: a large picture, or a page or two. */
const FILE_TOKENS = 2_000;
/** What an answer without a limit is taken for, in a model's tokens: about 700 words. */
const OUTPUT_TOKENS = 1_000;

/** The estimate, in tokens: the caller's, or the price of what the call is likely to use at most. */
export async function estimated(options: SpendTokensOptions, model: ModelName, params: ModelCall, price: Pricing): Promise<number> {
  const { estimate, outputTokens = OUTPUT_TOKENS } = options;
  if (typeof estimate === 'number') return tokens('estimate', estimate);
  if (estimate !== undefined) return tokens('estimate', await estimate({ modelId: model.modelId, provider: model.provider, params }));
  return await price(likely(params, params.maxOutputTokens ?? outputTokens)) ?? 0;
}

/** What a call is likely to use. */
function likely(params: ModelCall, output: number): ModelUsage {
  const input = promptTokens(params);
  return {
    inputTokens: { total: input, noCache: input, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: output, text: output, reasoning: undefined },
  };
}

/** The prompt, the tools and the form of the answer as a model's tokens, rather too many than too few. */
function promptTokens({ prompt, tools, responseFormat }: ModelCall): number {
  let files = 0;
  const text = JSON.stringify({ prompt, tools, responseFormat }, (name, value: unknown) => {
    // What a tool was given and has given is data: all of it is read, whatever its fields are called.
    if (isOf(value, 'tool-call')) return { ...value, input: JSON.stringify(value.input) };
    if (isOf(value, 'json') || isOf(value, 'error-json')) return { ...value, value: JSON.stringify(value.value) };
    if (name === 'providerOptions') return undefined;
    if (!isFile(value)) return value;
    if (value.data.type === 'text') return value.data.text;
    files += 1;
    return undefined;
  });
  return Math.ceil(new TextEncoder().encode(text).length / BYTES_PER_TOKEN) + files * FILE_TOKENS;
}

/** A file of a prompt or of a tool's result, which may be text. */
interface File {
  data: { type: string; text?: unknown };
}

function isOf(value: unknown, type: string): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === type;
}

function isFile(value: unknown): value is File {
  if (typeof value !== 'object' || value === null || !('mediaType' in value) || !('data' in value)) return false;
  const { data } = value;
  return typeof data === 'object' && data !== null && 'type' in data && typeof data.type === 'string';
}
