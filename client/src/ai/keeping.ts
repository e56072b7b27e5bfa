/** Keeping tokens aside for as long as a model takes. */

import { JetonError } from '../problem.js';

/**
 * Extends a reservation each time so many milliseconds have passed, for as long as somebody waits for the model. Where a reader has gone
 * without a word nobody waits, and the reservation ends by itself. It keeps no process alive.
 */
export class Keeping {
  readonly #extend: (signal: AbortSignal) => Promise<unknown>;
  readonly #everyMs: number;
  readonly #ended = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #awaited = true;

  /** `extend` is one extension, which the signal breaks off. */
  constructor(extend: (signal: AbortSignal) => Promise<unknown>, everyMs: number) {
    this.#extend = extend;
    this.#everyMs = everyMs;
    this.#schedule();
  }

  /** Whether somebody waits. Who comes back late may find that the reservation has ended. */
  set awaited(awaited: boolean) {
    this.#awaited = awaited;
    if (awaited && this.#timer === undefined && !this.#ended.signal.aborted) void this.#extended();
  }

  /** Ends it, with what is under way. */
  end(): void {
    clearTimeout(this.#timer);
    this.#ended.abort();
  }

  #schedule(): void {
    const timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#awaited) void this.#extended();
    }, this.#everyMs);
    this.#timer = timer;
    // Node's timers are objects, and would keep it running.
    const unknown: unknown = timer;
    if (typeof unknown === 'object' && unknown !== null && 'unref' in unknown && typeof unknown.unref === 'function') unknown.unref();
  }

  /** One extension, and the next one's time. A refusal ends it: what became of the reservation is seen at the capture. */
  async #extended(): Promise<void> {
    this.#schedule();
    try {
      await this.#extend(this.#ended.signal);
    } catch (error) {
      if (!(error instanceof JetonError) || !error.retriable) this.end();
    }
  }
}
