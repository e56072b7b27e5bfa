/**
 * The tabs of one browser that show the same account. One of them leads: it holds a lock, has the stream, and tells the others what it
 * shows. The browser gives the lock to the next one when the leader is closed or crashes; when it is frozen it lets go by itself. Where
 * there are no locks or no channels, or none for this page, or nobody to share with, each tab leads itself.
 */

import { jittered, pause } from '../waiting.js';

/** How long a leader may take to answer, in milliseconds, before another tab takes its place. */
const ANSWER_MS = 5_000;
/** A leader says something at least once in this time, in milliseconds, as each stream begins with something. Else it is asked. */
const SILENCE_MS = 75_000;
/** How long a tab rests that led and was refused, the first time and at most, in milliseconds. The others try meanwhile. */
const REST_MIN_MS = 2_000;
const REST_MAX_MS = 60_000;

/** What a tab that comes in says of itself. */
export interface Question {
  /** How many entries of the history it shows. */
  length: number;
  /** The version of the stats that it has; 0 for none. */
  version: number;
}

/** What goes through the channel. `term` orders leaders: the later one has the greater. */
type Message<State> =
  | { say: 'state'; term: number; state: State }
  | { say: 'ask'; question: Question }
  | { say: 'refresh' };

/** What a tab does among the others. */
export interface Tab<State> {
  /** Leads until the signal ends it, or it cannot. The answer is whether it did any good. */
  lead(signal: AbortSignal): Promise<boolean>;
  /** What the others are told while this one leads. */
  state(): State;
  /** The leader has told. */
  hear(state: State): void;
  /** What this one says of itself. */
  question(): Question;
  /** This one leads, and another one has asked. */
  asked(question: Question): void;
  /** This one leads, and somebody wants the account read anew. */
  refresh(): void;
}

/** A tab among those of one name. */
export class Tabs<State> {
  #name: string | undefined;
  readonly #tab: Tab<State>;
  #channel: BroadcastChannel | undefined;
  /** Ends what this tab waits for: the lock, or the end of its rest. */
  #waiting = new AbortController();
  /** While this tab leads. */
  #tenure: AbortController | undefined;
  #term = 0;
  #rest = REST_MIN_MS;
  #stealing = false;
  #resting = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Joins the tabs of this name; without one it stays alone. */
  constructor(name: string | undefined, tab: Tab<State>) {
    this.#tab = tab;
    this.#channel = name !== undefined && canShare() ? channelOf(name) : undefined;
    if (this.#channel !== undefined) {
      this.#name = name;
      this.#channel.onmessage = ({ data }: MessageEvent<Message<State>>) => this.#receive(data);
    }
    void this.#run();
  }

  /** Whether others may lead in place of this one. */
  get shares(): boolean {
    return this.#channel !== undefined;
  }

  /** Whether this one leads. */
  get leads(): boolean {
    return this.#tenure !== undefined;
  }

  /** Tells the others, if this one leads. */
  tell(): void {
    if (this.leads) this.#post({ say: 'state', term: this.#term, state: this.#tab.state() });
  }

  /** Asks the leader how things stand. One that does not answer is replaced. */
  ask(): void {
    if (this.leads || !this.shares) return;
    this.#post({ say: 'ask', question: this.#tab.question() });
    this.#expect(ANSWER_MS, () => this.#steal());
  }

  /** Has the account read anew, by whoever leads. Nobody rests longer. */
  refresh(): void {
    this.#post({ say: 'refresh' });
    this.#refresh();
    this.ask();
  }

  /** Rests no longer. */
  wake(): void {
    this.#rest = REST_MIN_MS;
    if (this.#resting) this.#waiting.abort();
  }

  /** Leaves: the stream first, then the lock. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#tenure?.abort();
    this.#waiting.abort();
    this.#channel?.close();
  }

  #post(message: Message<State>): void {
    this.#channel?.postMessage(message);
  }

  #receive(message: Message<State>): void {
    if (this.#closed) return;
    switch (message.say) {
      case 'state':
        // One that was replaced may have had something under way.
        if (this.leads || message.term < this.#term) return;
        this.#term = message.term;
        this.#expect(SILENCE_MS, () => this.ask());
        this.#tab.hear(message.state);
        break;
      case 'ask':
        if (!this.leads) return;
        this.tell();
        this.#tab.asked(message.question);
        break;
      case 'refresh':
        this.#refresh();
        break;
    }
  }

  #refresh(): void {
    if (this.leads) this.#tab.refresh();
    this.wake();
  }

  /** Unless the leader says something within this time, does that. */
  #expect(ms: number, otherwise: () => void): void {
    clearTimeout(this.#timer);
    // Not all at once.
    this.#timer = setTimeout(otherwise, ms + Math.random() * ms / 4);
  }

  /** Takes the lock from a leader that is stuck. When it comes to itself it finds that it leads no longer. */
  #steal(): void {
    if (this.#resting) return;
    this.#stealing = true;
    this.#waiting.abort();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#waiting = new AbortController();
      let useful: boolean | undefined;
      this.ask();
      try {
        await this.#inTurn(async () => { useful = await this.#lead(); });
      } catch (error) {
        // The lock was taken away, or is no longer waited for; or it is denied, at once and each time.
        this.#tenure?.abort();
        if (!isAbort(error)) this.#stayAlone();
      }
      this.#tenure = undefined;
      if (useful !== undefined && !this.#closed) await this.#restAfter(useful);
    }
  }

  /** There are locks, but not for this page: it is in a sandboxed frame, or its user lets no site keep anything. Asking again is no help. */
  #stayAlone(): void {
    clearTimeout(this.#timer);
    this.#channel?.close();
    this.#channel = undefined;
    this.#name = undefined;
  }

  /** Does the work when this tab's turn to lead comes. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#name === undefined) return work();
    const options = this.#stealing ? { steal: true } : { signal: this.#waiting.signal };
    this.#stealing = false;
    await navigator.locks.request(this.#name, options, work);
  }

  /** Leads. The lock goes when this ends: at once when the tenure does, whatever is still to be cleared away. */
  async #lead(): Promise<boolean | undefined> {
    if (this.#closed) return undefined;
    const tenure = this.#tenure = new AbortController();
    clearTimeout(this.#timer);
    this.#term = Math.max(Date.now(), this.#term + 1);
    const ended = new Promise<undefined>(resolve => {
      tenure.signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    try {
      return await Promise.race([this.#tab.lead(tenure.signal), ended]);
    } finally {
      // It may have been replaced meanwhile.
      if (this.#tenure === tenure) this.#tenure = undefined;
    }
  }

  async #restAfter(useful: boolean): Promise<void> {
    const ms = useful ? REST_MIN_MS : this.#rest;
    this.#rest = Math.min(ms * 2, REST_MAX_MS);
    this.#resting = true;
    await pause(jittered(ms), this.#waiting.signal).catch(() => undefined);
    this.#resting = false;
  }
}

/** The channel of this name; undefined where the page may have none. */
function channelOf(name: string): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(name);
  } catch {
    return undefined;
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Whether the browser has what it takes. Both are missing where a page did not come safely, and locks in old browsers. */
function canShare(): boolean {
  return typeof BroadcastChannel === 'function' && typeof navigator === 'object' && navigator.locks !== undefined;
}
