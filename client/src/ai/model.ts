/** The AI SDK's words for a model and what it uses, by the types of `ai` alone. */

import type { LanguageModelMiddleware } from 'ai';

type WrapGenerate = NonNullable<LanguageModelMiddleware['wrapGenerate']>;
type WrapStream = NonNullable<LanguageModelMiddleware['wrapStream']>;

/** What a model is called with: the prompt, tools, `maxOutputTokens`, the abort signal and so on. */
export type ModelCall = Parameters<WrapGenerate>[0]['params'];

/** What a model has answered. */
export type ModelAnswer = Awaited<ReturnType<WrapGenerate>>;

/** What a model says it used. Any of the numbers may be unknown. */
export type ModelUsage = ModelAnswer['usage'];

/** Why a model stopped. */
export type FinishReason = ModelAnswer['finishReason'];

/** A model's answer, part by part. */
export type ModelStream = Awaited<ReturnType<WrapStream>>['stream'];

/** A part of it. */
export type StreamPart = ModelStream extends ReadableStream<infer Part> ? Part : never;

/** Which model: as its provider names it, and that provider. */
export interface ModelName {
  readonly modelId: string;
  readonly provider: string;
}

/** Whether a model that stopped for this reason has not answered: what it did is known only if it says so. */
export function isFailure(reason: FinishReason): boolean {
  return reason.unified === 'error' || reason.unified === 'interrupted';
}
