/** One call over the network: attempts, each with its own time, until one is answered for good. */

import { isOf, OpenAnswer, parsed, refusal, unexpected } from './answer.js';
import { JetonError, JetonProblem, JetonUnexpected, JetonUnreachable } from './problem.js';
import { prepared } from './request.js';
import type { Call, ChangeOptions, Prepared } from './request.js';
import type { Credential } from './session.js';
import { jittered, pause, timed } from './waiting.js';

/** What the client was made with. */
export interface TransportSettings {
  url: URL;
  credential: Credential;
  timeoutMs: number;
  retries: number;
  language: 'fr' | 'en' | undefined;
  fetch: typeof fetch;
}

/** What becomes of an attempt's answer. `keep` leaves the connection to whoever gets the answer: it is closed by calling what it gives. */
type Reader<Answer> = (response: Response, signal: AbortSignal, keep: () => () => void) => Promise<Answer>;

/** The first pause between two attempts, in milliseconds; each further one is twice as long, up to the longest. */
const PAUSE_MIN_MS = 250;
const PAUSE_MAX_MS = 8_000;
/** An answer that asks for a longer wait than this, in milliseconds, is given to the caller instead. */
const RETRY_AFTER_MAX_MS = 60_000;

/** Sends calls to a deployment. */
export class Transport {
  readonly #settings: TransportSettings;

  constructor(settings: TransportSettings) {
    this.#settings = settings;
  }

  /** The answer's JSON. */
  async json<Answer>(call: Omit<Call, 'accept'>, options: ChangeOptions = {}): Promise<Answer> {
    const request = this.#prepare({ ...call, accept: 'application/json' }, options);
    return this.#attempts(request, options, response => parsed<Answer>(response, request.name));
  }

  /** The answer, as soon as it begins: its body is still to come, in its own time. */
  async open(call: Call, options: ChangeOptions = {}): Promise<OpenAnswer> {
    const request = this.#prepare(call, options);
    return this.#attempts(request, options, async (response, signal, keep) => {
      if (!isOf(response, call.accept)) throw await unexpected(response, request.name, `is no ${call.accept}`);
      return new OpenAnswer(response, request.name, signal, keep());
    });
  }

  #prepare(call: Call, options: ChangeOptions): Prepared {
    return prepared(this.#settings.url, call, { ...options, language: options.language ?? this.#settings.language });
  }

  /** What `read` makes of the first answer after which there is nothing to try again. */
  async #attempts<Answer>(request: Prepared, options: ChangeOptions, read: Reader<Answer>): Promise<Answer> {
    const { retries = this.#settings.retries, signal } = options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(request, options, read);
      } catch (error) {
        if (signal?.aborted || !(error instanceof JetonError) || !error.retriable || attempt >= retries) throw error;
        const wait = retryAfterMs(error);
        if (wait > RETRY_AFTER_MAX_MS) throw error;
        await pause(wait + jittered(Math.min(PAUSE_MIN_MS * 2 ** attempt, PAUSE_MAX_MS)), signal);
      }
    }
  }

  /** One attempt, from the session to the last byte that `read` takes, within its time. */
  async #attempt<Answer>(request: Prepared, options: ChangeOptions, read: Reader<Answer>): Promise<Answer> {
    const { timeoutMs = this.#settings.timeoutMs, signal } = options;
    signal?.throwIfAborted();
    const attempt = new AbortController();
    const abort = (): void => attempt.abort(signal?.reason);
    const letGo = (): void => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort, { once: true });
    const late = new JetonUnreachable('timeout', `${request.name}: no whole answer came within ${timeoutMs} ms.`);
    const timer = setTimeout(() => attempt.abort(late), timed(timeoutMs));
    let kept = false;
    try {
      const response = await this.#send(request, attempt.signal);
      if (!response.ok) throw await refusal(response, request.name);
      return await read(response, attempt.signal, () => {
        kept = true;
        return () => {
          letGo();
          attempt.abort();
        };
      });
    } catch (error) {
      if (attempt.signal.aborted) throw attempt.signal.reason;
      if (error instanceof JetonError) throw error;
      throw new JetonUnreachable('unreachable', `${request.name}: no whole answer came.`, { cause: error });
    } finally {
      clearTimeout(timer);
      if (!kept) letGo();
    }
  }

  /** Sends it with the session as it is and, where that is refused, once more with a new one. */
  async #send(request: Prepared, signal: AbortSignal): Promise<Response> {
    const { credential } = this.#settings;
    for (let renewed = false; ; renewed = true) {
      const token = await credential.get(signal);
      const response = await this.#fetch(request, token, signal);
      if (response.status !== 401 || !credential.drop(token) || renewed) return response;
      await response.body?.cancel();
    }
  }

  async #fetch(request: Prepared, token: string | undefined, signal: AbortSignal): Promise<Response> {
    const { method, url, body } = request;
    const headers = new Headers(request.headers);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    return this.#settings.fetch(url, {
      method,
      headers,
      signal,
      // Balances are not for caches, and a POST that follows a redirect may arrive as a GET.
      cache: 'no-store',
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
    });
  }
}

/** How long an answer asks to wait, in milliseconds. */
export function retryAfterMs(error: unknown): number {
  const isAnswer = error instanceof JetonProblem || error instanceof JetonUnexpected;
  return isAnswer ? error.retryAfterMs ?? 0 : 0;
}
