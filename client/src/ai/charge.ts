/** The tokens of one call of a model: set aside before it, and captured or given back after it, once. */

import { raced } from '../waiting.js';
import type { Reservation } from '../types.js';
import { estimated } from './estimate.js';
import { Keeping } from './keeping.js';
import { Ledger } from './ledger.js';
import type { ModelCall, ModelName, ModelUsage } from './model.js';
import type { Failure, SpendTokensOptions } from './options.js';
import { isKnown, pricing } from './pricing.js';
import type { Pricing } from './pricing.js';

/** How long somebody who has aborted still waits for what goes back, in milliseconds. It is gone on with after that. */
const ABORTED_MS = 1_000;

/** A call's tokens. Whatever happens first settles them; nothing of that throws. */
export class Charge {
  readonly #options: SpendTokensOptions;
  readonly #model: ModelName;
  readonly #ledger: Ledger;
  readonly #price: Pricing;
  readonly #signal: AbortSignal | undefined;
  readonly #estimate: number;
  readonly #reservation: Reservation | undefined;
  readonly #keeping: Keeping | undefined;
  readonly #abort = (): void => void this.giveBack();
  #settled: Promise<void> | undefined;

  private constructor(begun: Begun, reservation: Reservation | undefined) {
    this.#options = begun.options;
    this.#model = begun.model;
    this.#ledger = begun.ledger;
    this.#price = begun.price;
    this.#signal = begun.signal;
    this.#estimate = begun.estimate;
    this.#reservation = reservation;
    if (reservation === undefined) return;
    const { createdAt, expiresAt } = reservation;
    this.#keeping = new Keeping(
      signal => begun.ledger.extend(reservation, signal),
      // So one that fails leaves time for another.
      (Date.parse(expiresAt) - Date.parse(createdAt)) / 3,
    );
  }

  /**
   * Sets the estimate aside.
   *
   * @throws JetonProblem when Jeton refuses: `insufficient_tokens`, `spending_cap_reached`, `rate_limited` and others.
   * @throws JetonUnreachable, JetonUnexpected when Jeton does not answer.
   * @throws JetonError `model_without_price`; `invalid_argument` when an estimate or a price is no number of tokens.
   */
  static async begin(options: SpendTokensOptions, model: ModelName, params: ModelCall): Promise<Charge> {
    const { abortSignal: signal } = params;
    const price = await raced(pricing(options, model), signal);
    const estimate = await estimated(options, model, params, price);
    signal?.throwIfAborted();
    const ledger = new Ledger(options, model);
    const begun = { options, model, ledger, price, estimate, signal };
    if (estimate === 0) return new Charge(begun, undefined);
    // Without the signal: whether an attempt that is broken off has set something aside would not be known.
    const reserving = ledger.reserve(estimate).then(reservation => new Charge(begun, reservation));
    try {
      return await raced(reserving, signal);
    } catch (error) {
      if (signal?.aborted) {
        const undone = reserving.then(charge => charge.giveBack(), () => undefined);
        // What the function says to that is nothing to somebody who has aborted.
        void (async () => options.waitUntil?.(undone))().catch(() => undefined);
        await briefly(undone);
      }
      throw error;
    }
  }

  /** Whether somebody waits for the model: only then the reservation is extended. */
  set awaited(awaited: boolean) {
    if (this.#keeping !== undefined && this.#settled === undefined) this.#keeping.awaited = awaited;
  }

  /** From now on an abort gives all back at once, whether or not anybody looks at the stream again. */
  endOnAbort(): void {
    if (this.#signal?.aborted) this.#abort();
    else if (this.#settled === undefined) this.#signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** The model has finished, and says what it used. If that is unknown an answer costs what was estimated, and a failure nothing. */
  finish(usage: ModelUsage, failed: boolean): Promise<void> {
    return this.#settle(async () => {
      const cost = await this.#cost(usage, failed);
      if (cost === 0) return this.#release();
      await this.#capture(cost);
    });
  }

  /** The model has failed, or nobody wants its answer any more. Who has aborted does not wait for it long. */
  giveBack(): Promise<void> {
    const given = this.#settle(() => this.#release());
    return this.#signal?.aborted ? briefly(given) : given;
  }

  #settle(settle: () => Promise<void>): Promise<void> {
    if (this.#settled !== undefined) return this.#settled;
    this.#keeping?.end();
    this.#signal?.removeEventListener('abort', this.#abort);
    const settled = settle();
    this.#settled = settled;
    void this.#attempt('waitUntil', () => this.#options.waitUntil?.(settled));
    return settled;
  }

  async #cost(usage: ModelUsage, failed: boolean): Promise<number> {
    if (failed && !isKnown(usage)) return 0;
    const cost = await this.#attempt('price', () => this.#price(usage));
    return cost ?? (failed ? 0 : this.#estimate);
  }

  async #capture(cost: number): Promise<void> {
    const missing = await this.#attempt('capture', () => this.#ledger.capture(this.#reservation, cost));
    if (missing === undefined) return;
    const { modelId, provider } = this.#model;
    const { userId, onShortfall } = this.#options;
    await this.#attempt('onShortfall', () => onShortfall?.({ userId, modelId, provider, ...missing }));
  }

  async #release(): Promise<void> {
    const reservation = this.#reservation;
    if (reservation !== undefined) await this.#attempt('release', () => this.#ledger.release(reservation));
  }

  /** Does something that may fail, and tells when it does. */
  async #attempt<Value>(doing: Failure['doing'], attempt: () => Value | PromiseLike<Value>): Promise<Value | undefined> {
    try {
      return await attempt();
    } catch (error) {
      await this.#tell(error, doing);
      return undefined;
    }
  }

  async #tell(error: unknown, doing: Failure['doing']): Promise<void> {
    const { modelId, provider } = this.#model;
    const { userId, onError } = this.#options;
    const reservationId = this.#reservation?.id;
    if (onError === undefined) {
      console.error(`jeton/ai: ${doing} failed${reservationId === undefined ? '' : ` for the reservation ${reservationId}`}:`, error);
      return;
    }
    try {
      await onError(error, { userId, modelId, provider, doing, ...reservationId !== undefined && { reservationId } });
    } catch (second) {
      console.error('jeton/ai: onError failed:', second);
    }
  }
}

/** What a charge stands on. */
interface Begun {
  options: SpendTokensOptions;
  model: ModelName;
  ledger: Ledger;
  price: Pricing;
  estimate: number;
  signal: AbortSignal | undefined;
}

/** Waits for what never fails, but not long. */
async function briefly(work: Promise<void>): Promise<void> {
  await raced(work, AbortSignal.timeout(ABORTED_MS)).catch(() => undefined);
}
