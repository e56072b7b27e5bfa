/** Who calls: the key of a service, or the session of a user. */

import { JetonError, JetonUnreachable } from './problem.js';
import { raced } from './waiting.js';

/** A user token, or what gets one. */
export type SessionSource = string | (() => string | Promise<string>);

/** How long before its end a token is replaced: a tenth of its life, but at most this, in milliseconds. */
const MARGIN_MAX_MS = 30_000;

/** What goes into `Authorization`. It is in private fields, which are neither logged nor turned into JSON. */
export class Credential {
  readonly #key: string | undefined;
  readonly #source: SessionSource | undefined;
  #token: string | undefined;
  /** When the token is to be replaced, by this machine's clock. */
  #staleAt = Infinity;
  #asking: Promise<string> | undefined;
  /** How many times it was asked for, and which of them the token is of. */
  #asked = 0;
  #given = 0;

  constructor(key: string | undefined, session: SessionSource | undefined) {
    if (key !== undefined && session !== undefined) {
      throw new JetonError('invalid_argument', 'Jeton takes a `key` or a `session`, and not both.');
    }
    if (key !== undefined && isPage()) {
      throw new JetonError('invalid_argument', 'A `key` of Jeton is a secret, and whoever opens a page can read what is in it: '
        + 'use a `session` here, which your server gets from `createSession`.');
    }
    if (key !== undefined) this.#key = checked('key', key);
    if (typeof session === 'string') this.#token = checked('session', session);
    this.#source = session;
  }

  /** The key or token; undefined for callers who have none. The signal ends the waiting for it. */
  async get(signal: AbortSignal): Promise<string | undefined> {
    if (typeof this.#source !== 'function') return this.#key ?? this.#token;
    if (this.#token !== undefined && Date.now() < this.#staleAt) return this.#token;
    // All calls that need it at the same time ask for it once.
    const asking = this.#asking ??= this.#ask(this.#source);
    try {
      return await raced(asking, signal);
    } finally {
      // It has come to its end, or somebody has waited in vain: whoever comes next asks anew, in case that one hangs.
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  /** This one was refused. Says whether there may be another, which is then got anew. */
  drop(token: string | undefined): boolean {
    if (typeof this.#source !== 'function') return false;
    // Another call may have replaced it already.
    if (this.#token === token) this.#token = undefined;
    return true;
  }

  async #ask(source: () => string | Promise<string>): Promise<string> {
    const asked = this.#asked += 1;
    let token;
    try {
      token = await source();
    } catch (error) {
      if (error instanceof JetonError) throw error;
      throw new JetonUnreachable('unreachable', 'There is no session: what gets one failed.', { cause: error });
    }
    checked('session', token);
    // What was asked for later may have come before.
    if (asked > this.#given) {
      this.#given = asked;
      this.#token = token;
      this.#staleAt = Date.now() + lifeLeftMs(token);
    }
    return token;
  }
}

/**
 * How long a token that has just come may be used, in milliseconds: by its own two instants, so that a clock of this machine's that is
 * wrong does no harm. One that does not say is used until it is refused.
 */
function lifeLeftMs(token: string): number {
  const { iat, exp } = claimsOf(token);
  if (typeof iat !== 'number' || typeof exp !== 'number') return Infinity;
  const lifeMs = (exp - iat) * 1000;
  return lifeMs - Math.min(lifeMs / 10, MARGIN_MAX_MS);
}

/** What a JWT says, not verified; nothing for what is none. */
export function claimsOf(token: string): { iat?: unknown; exp?: unknown; sub?: unknown } {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), character => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

/** A header carries it: otherwise `fetch` would refuse it, and say it aloud. */
function checked(name: string, value: string): string {
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new JetonError('invalid_argument', `The \`${name}\` of Jeton is empty, or has characters that none has: a space or a line end?`);
}

/** Whether this runs in a page, where nothing is secret. */
function isPage(): boolean {
  return typeof window !== 'undefined' && typeof document !== 'undefined';
}
