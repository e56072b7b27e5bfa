/** What is told to Jeton of one call of a model. */

import { isProblem } from '../problem.js';
import type { JetonProblem } from '../problem.js';
import type { Reservation } from '../types.js';
import type { ModelName } from './model.js';
import type { Shortfall, SpendTokensOptions } from './options.js';

/** A shortfall, but for what every one of a call says. */
type Missing = Omit<Shortfall, 'userId' | keyof ModelName>;

/** The calls to Jeton for one call of a model. Each has an idempotency key of its own, the same in all its attempts. */
export class Ledger {
  readonly #options: SpendTokensOptions;
  readonly #model: ModelName;

  constructor(options: SpendTokensOptions, { modelId, provider }: ModelName) {
    this.#options = options;
    this.#model = { modelId, provider };
  }

  /** Sets tokens aside. */
  async reserve(amount: number): Promise<Reservation> {
    const { jeton, userId, contentType, ttlSeconds, metadata, language } = this.#options;
    const { reservation } = await jeton.reserve({
      userId,
      amount,
      ...contentType !== undefined && { contentType },
      ...ttlSeconds !== undefined && { ttlSeconds },
      metadata: { model: this.#model.modelId, provider: this.#model.provider, ...metadata },
    }, { language });
    return reservation;
  }

  /** Lets them stay aside for as long again, from now on. */
  async extend({ id }: Reservation, signal: AbortSignal): Promise<void> {
    const { jeton, userId, ttlSeconds, language } = this.#options;
    await jeton.extend({ userId, reservationId: id, ...ttlSeconds !== undefined && { ttlSeconds } }, { language, signal });
  }

  /** Gives them back. */
  async release({ id }: Reservation): Promise<void> {
    const { jeton, userId, language } = this.#options;
    await jeton.release({ userId, reservationId: id }, { language });
  }

  /**
   * Debits what was used. Where the reservation has ended (the model was too slow, a reset came between), or there was none, as much is set
   * aside anew and captured at once: so it is one kind of entry in any case, and the plan's `capture_above` holds.
   *
   * @returns what was not there, if anything was not.
   */
  async capture(reservation: Reservation | undefined, cost: number): Promise<Missing | undefined> {
    if (reservation !== undefined) {
      try {
        return await this.#captureFrom(reservation, cost);
      } catch (error) {
        if (!hasEnded(error)) throw error;
      }
    }
    try {
      const anew = await this.reserve(Math.min(cost, reservation?.amount ?? cost));
      return await this.#captureFrom(anew, cost);
    } catch (error) {
      if (!isRefused(error)) throw error;
      return { required: cost, captured: 0, missing: cost, problem: error };
    }
  }

  /** Debits from a reservation, and what it lacks from the balance; where that is refused, what is set aside. */
  async #captureFrom({ id }: Reservation, cost: number): Promise<Missing | undefined> {
    const { jeton, userId, language } = this.#options;
    const from = { userId, reservationId: id };
    try {
      const { reservation: { captured, shortfall = 0 } } = await jeton.capture({ ...from, amount: cost }, { language });
      return shortfall === 0 ? undefined : { required: cost, captured, missing: shortfall, reservationId: id };
    } catch (error) {
      if (!isRefused(error)) throw error;
      const { reservation: { captured } } = await jeton.capture(from, { language });
      return { required: cost, captured, missing: cost - captured, reservationId: id, problem: error };
    }
  }
}

/** Whether the user may not spend so much now. */
function isRefused(error: unknown): error is JetonProblem {
  return isProblem(error, 'insufficient_tokens') || isProblem(error, 'spending_cap_reached');
}

/** Whether a reservation is not there any more, and what it held went back. */
function hasEnded(error: unknown): boolean {
  return isProblem(error, 'reservation_expired') || isProblem(error, 'reservation_released') || isProblem(error, 'reservation_not_found');
}
