/** Somebody who follows an account, and what they were told. */

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Event, Jeton, SubscribeOptions, Transaction } from 'jeton';
import { historyOf } from './deployment.js';

/** A subscription that runs until it is left. It begins before the opening, so that it is told everything. */
export class Follower {
  readonly events: Event[] = [];
  /** What was said of the connection. */
  readonly said: string[] = [];
  /** What ended it: undefined when it was left. */
  error: unknown;
  readonly #end = new AbortController();
  readonly #over: Promise<void>;
  #watchers: (() => void)[] = [];

  constructor(jeton: Jeton, userId: string, options: SubscribeOptions = {}) {
    this.#over = this.#follow(jeton.subscribe({ userId, lastEventId: '0-0' }, {
      ...options,
      signal: this.#end.signal,
      onConnection: (state, error) => {
        this.said.push(state === 'live' ? 'live' : `lost: ${(error as { code?: string }).code}`);
        options.onConnection?.(state, error);
        this.#happened();
      },
    }));
  }

  /** The entries that were told, in their order. */
  get told(): Transaction[] {
    return this.events.flatMap(event => event.event === 'transaction' ? [event.data] : []);
  }

  /** Waits until something is so, looking after each event. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      assert.equal(this.error, undefined, inspect(this.error));
      await new Promise<void>(resolve => this.#watchers.push(resolve));
    }
  }

  /** Waits until the newest entry was told, and the stats that count it. */
  async caughtUp(userId: string): Promise<void> {
    const newest = (await historyOf(userId)).at(-1)?.id;
    await this.until(() => {
      const last = this.events.at(-1);
      return last?.event === 'stats' && last.id === newest;
    });
  }

  /** Leaves it. Whatever it was told is the history, in order, each entry once, and the stats are what the entries before add up to. */
  async toldAllOf(userId: string): Promise<void> {
    await this.caughtUp(userId);
    await this.leave();
    assert.deepEqual(this.told, await historyOf(userId));
    let sum = 0;
    let version = 0;
    for (const event of this.events) {
      if (event.event === 'transaction') sum += event.data.type === 'CREDIT' ? event.data.amount : -event.data.amount;
      if (event.event !== 'stats') continue;
      assert.equal(event.data.tokenBalance + event.data.tokensReserved, sum);
      assert.ok(event.data.version >= version);
      version = event.data.version;
    }
  }

  /** Leaves it, and waits for its end. */
  async leave(): Promise<void> {
    this.#end.abort();
    await this.#over;
  }

  async #follow(events: AsyncIterable<Event>): Promise<void> {
    try {
      for await (const event of events) {
        this.events.push(event);
        this.#happened();
      }
    } catch (error) {
      if (error !== this.#end.signal.reason) this.error = error;
    }
    this.#happened();
  }

  #happened(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }
}
