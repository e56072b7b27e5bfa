/** The stream of one account, as the one tab that has it follows it. */

import type { Jeton } from '../jeton.js';
import { JetonError } from '../problem.js';
import { jittered, pause } from '../waiting.js';
import type { Transaction } from '../types.js';
import type { Frame } from './frame.js';

/** How long one attempt to read the history may take, in milliseconds. */
const ANSWER_MS = 15_000;
/** The first pause after a failure, and the longest, in milliseconds. The first new beginning comes at once. */
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 30_000;
/** The id that comes before all entries. */
const BEFORE_ALL = '0-0';

/** What a line needs. */
export interface LineOptions {
  jeton: Jeton;
  /** Whose account; undefined for that of the session. */
  userId: string | undefined;
  /** How many entries of the history are wanted. */
  length: number;
  /** What is known already: the line goes on from there. */
  known: Frame | undefined;
  language: 'fr' | 'en' | undefined;
  /** Takes the account as it is, at the beginning and after each change. */
  told(frame: Frame): void;
  /** The line is down, and tries again by itself. */
  lost(error: JetonError): void;
}

/** Follows an account. */
export class Line {
  readonly #options: LineOptions;
  #known: Frame | undefined;
  #length: number;
  #turn = new AbortController();
  #closed = false;
  #pauseMs = 0;
  /** When the history was last read, for a clock that is set back. */
  #readAt: number;
  /** When the last event came, by this machine's clock, in milliseconds. */
  #heardAt = Date.now();

  constructor(options: LineOptions) {
    this.#options = options;
    this.#known = options.known;
    this.#length = Math.max(options.length, options.known?.length ?? 0);
    this.#readAt = options.known?.readAt ?? 0;
  }

  /** Follows until it is closed. Throws where trying again soon cannot help. */
  async run(): Promise<void> {
    while (!this.#closed) {
      this.#turn = new AbortController();
      const { signal } = this.#turn;
      try {
        await this.#follow(signal);
        await this.#rest(signal);
      } catch (error) {
        // It was closed, or told to begin anew.
        if (signal.aborted) continue;
        const failure = asJetonError(error);
        if (!failure.retriable) throw failure;
        this.#options.lost(failure);
        this.#pauseMs ||= PAUSE_MIN_MS;
        await this.#rest(signal).catch(() => undefined);
      }
    }
  }

  /** Ends it. The stream is closed when this returns. */
  close(): void {
    this.#closed = true;
    this.#turn.abort();
  }

  /** Takes a new stream, at once, and goes on from what is known. */
  restart(): void {
    this.#pauseMs = 0;
    this.#turn.abort();
  }

  /** Reads the history anew, at once. */
  reread(): void {
    this.#known = undefined;
    this.restart();
  }

  /** Reads more of the history if it has less than so many entries. Says whether. */
  reaches(length: number): boolean {
    if (length <= this.#length) return false;
    this.#length = length;
    this.reread();
    return true;
  }

  /** Takes a new stream if nothing has come over this one for so many milliseconds. */
  restartIfSilentFor(ms: number): void {
    if (Date.now() - this.#heardAt > ms) this.restart();
  }

  /** Goes on from what is known, or begins with a page, until the history turns out to be another one. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { jeton, lost } = this.#options;
    const { base, version } = await this.#base(signal);
    let { history } = base;
    let newest = version;
    const events = jeton.subscribe({ ...this.#user(), lastEventId: history[0]?.id ?? BEFORE_ALL }, {
      signal,
      language: this.#options.language,
      onConnection: (state, error) => {
        if (state === 'lost' && !signal.aborted) lost(asJetonError(error));
      },
    });
    for await (const event of events) {
      if (signal.aborted) return;
      this.#heardAt = Date.now();
      if (event.event === 'transaction') {
        history = added(history, event.data, this.#length);
        continue;
      }
      if (event.event === 'resync' || event.data.version < newest) {
        this.#known = undefined;
        return;
      }
      newest = event.data.version;
      this.#tell({ ...base, stats: event.data, history });
    }
  }

  /** The stats come behind the entries that they count: so both are shown in step. */
  #tell(frame: Frame): void {
    this.#pauseMs = 0;
    this.#known = frame;
    this.#options.told(frame);
  }

  /** Where to go on, and the version that stats must have at least. */
  async #base(signal: AbortSignal): Promise<{ base: Omit<Frame, 'stats'>; version: number }> {
    const known = this.#known;
    if (known !== undefined && known.length >= this.#length) return { base: known, version: known.stats.version };
    this.#readAt = Math.max(Date.now(), this.#readAt + 1);
    const readAt = this.#readAt;
    const { transactions } = await this.#options.jeton.listTransactions({ ...this.#user(), limit: this.#length }, {
      signal,
      retries: 0,
      timeoutMs: ANSWER_MS,
      language: this.#options.language,
    });
    return { base: { history: transactions, length: this.#length, readAt }, version: 0 };
  }

  /** Waits: not at all the first time, then longer and longer until something comes. */
  async #rest(signal: AbortSignal): Promise<void> {
    const ms = this.#pauseMs;
    this.#pauseMs = Math.min(Math.max(ms * 2, PAUSE_MIN_MS), PAUSE_MAX_MS);
    await pause(jittered(ms), signal);
  }

  #user(): { userId?: string } {
    const { userId } = this.#options;
    return userId === undefined ? {} : { userId };
  }
}

/** The history with an entry that came after it, unless it has it. */
function added(history: readonly Transaction[], entry: Transaction, length: number): readonly Transaction[] {
  if (history.some(({ id }) => id === entry.id)) return history;
  return [entry, ...history].slice(0, length);
}

/** Whatever was thrown, as what this package throws. */
export function asJetonError(error: unknown): JetonError {
  return error instanceof JetonError ? error : new JetonError('unexpected', 'The account cannot be followed.', { cause: error });
}
