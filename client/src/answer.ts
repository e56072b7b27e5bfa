/** What comes back, and what it comes to. */

import { JetonProblem, JetonUnexpected, JetonUnreachable } from './problem.js';
import type { JetonError } from './problem.js';
import type { Problem } from './types.js';
import { raced, timed } from './waiting.js';

/** The JSON of a success. `name` is the call as errors name it. */
export async function parsed<Answer>(response: Response, name: string): Promise<Answer> {
  if (!isOf(response, 'application/json')) throw await unexpected(response, name, 'is no JSON');
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    // It broke off where nothing else showed it.
    throw await unexpected(response, name, 'is JSON that is none', true);
  }
  if (typeof answer === 'object' && answer !== null) return answer;
  throw await unexpected(response, name, 'is no JSON object');
}

/** What an answer that is no success comes to. */
export async function refusal(response: Response, name: string): Promise<JetonError> {
  if (isOf(response, 'application/problem+json')) {
    const text = await response.text();
    const problem = problemIn(text);
    if (problem !== undefined) return new JetonProblem(problem, afterMs(response));
  }
  const isRedirect = response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400);
  return unexpected(response, name, isRedirect ? 'is a redirect: give Jeton the `url` where it ends' : 'is none of Jeton\'s');
}

/** An answer that is none of Jeton's. What is left of it is not waited for. */
export async function unexpected(response: Response, name: string, what: string, retriable?: boolean): Promise<JetonUnexpected> {
  if (!response.bodyUsed) await response.body?.cancel();
  return new JetonUnexpected(`${name}: the answer (${response.status}) ${what}.`, response.status, {
    retriable,
    retryAfterMs: afterMs(response),
  });
}

/** Whether the answer is of this media type. */
export function isOf(response: Response, mediaType: string): boolean {
  return response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() === mediaType;
}

/** The problem that stands in the text, if one does. */
function problemIn(text: string): Problem | undefined {
  try {
    const problem = JSON.parse(text);
    const isOne = typeof problem.code === 'string' && typeof problem.message === 'string' && typeof problem.status === 'number';
    return isOne ? problem : undefined;
  } catch {
    return undefined;
  }
}

/** `Retry-After` in milliseconds: seconds, or a date. */
function afterMs(response: Response): number | undefined {
  const value = response.headers.get('retry-after');
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

/** An answer whose body comes bit by bit. Whoever has it closes it. */
export class OpenAnswer {
  readonly #name: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #signal: AbortSignal;
  readonly #end: () => void;

  /** `signal` ends the transfer; `end` aborts that signal, and lets go of the caller's. */
  constructor(response: Response, name: string, signal: AbortSignal, end: () => void) {
    this.#reader = response.body?.getReader();
    this.#name = name;
    this.#signal = signal;
    this.#end = end;
  }

  /**
   * The next bytes; undefined at a clean end.
   *
   * @throws JetonUnreachable when the transfer breaks off, or nothing comes for `silenceMs`.
   */
  async read(silenceMs: number): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) return undefined;
    const silence = new AbortController();
    const timer = setTimeout(() => {
      silence.abort(new JetonUnreachable('timeout', `${this.#name}: nothing came for ${silenceMs} ms.`));
    }, timed(silenceMs));
    try {
      const { done, value } = await raced(raced(this.#reader.read(), this.#signal), silence.signal);
      return done ? undefined : value;
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      if (error instanceof JetonUnreachable) throw error;
      throw new JetonUnreachable('unreachable', `${this.#name}: the answer broke off.`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the transfer, and with it the connection where it has not come to its end. */
  close(): void {
    this.#end();
  }
}
