/** The account of one user, as all components of a page see it: a store outside React. It follows the account while somebody looks. */

import { Jeton } from '../jeton.js';
import type { JetonError } from '../problem.js';
import type { SessionSource } from '../session.js';
import { frameOf, isOf, supersedes, tokensOf } from './frame.js';
import type { Frame, Initial, Tokens } from './frame.js';
import { Line, asJetonError } from './line.js';
import { watchPage } from './page.js';
import { Readiness } from './readiness.js';
import { subjectOf } from './subject.js';
import { Tabs } from './tabs.js';
import type { Question } from './tabs.js';
import { errorOf, toldOf } from './told-error.js';
import type { ToldError } from './told-error.js';

/** A stream ends now and then and comes back: only an absence longer than this, in milliseconds, is told. */
const DOUBT_MS = 4_000;
/** How long it goes on when the last component has gone, in milliseconds: another one may come, on the next screen or in StrictMode. */
const GRACE_MS = 1_000;
/** How long it waits for its first component, in milliseconds: rendering can wait for other things, or be given up. */
const LINGER_MS = 30_000;
/** Each stream begins with an event at least once in a minute. Where none has come, and somebody looks, a new one is better. */
const QUIET_MS = 60_000;

/** Whose account, and how much of it. */
export interface AccountOptions {
  url: string;
  userId: string | undefined;
  /** How many entries of the history are wanted. */
  length: number;
}

/** How an account is asked for; it may change at any time. */
export interface Access {
  session: SessionSource;
  language: 'fr' | 'en' | undefined;
}

/** What one tab tells the others. */
interface State {
  frame: Frame | undefined;
  live: boolean;
  error: ToldError | undefined;
}

/** Follows an account, from the first subscriber to the last. */
export class Account {
  readonly #options: AccountOptions;
  readonly #listeners = new Set<() => void>();
  readonly #jeton: Jeton;
  #access: Access;
  /** Whose it is, once that is known. */
  #user: string | undefined;

  #frame: Frame | undefined;
  #live = false;
  #error: JetonError | undefined;
  #tokens: Tokens;
  #readiness = new Readiness();

  #tabs: Tabs<State> | undefined;
  #line: Line | undefined;
  /** The last failure, for when it is told. */
  #failure: JetonError | undefined;
  #doubt: ReturnType<typeof setTimeout> | undefined;
  #doubted = false;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(options: AccountOptions, access: Access, initial: Initial | undefined) {
    this.#options = options;
    this.#access = access;
    this.#user = options.userId;
    this.#jeton = new Jeton({ url: options.url, session: () => this.#session() });
    this.#frame = initial && frameOf(initial, options.userId);
    this.#tokens = this.#seen();
    this.#settle();
  }

  /** Whose account, if that was said. */
  get userId(): string | undefined {
    return this.#options.userId;
  }

  /** How many entries of the history are wanted. */
  get length(): number {
    return this.#options.length;
  }

  /** What there is to see: the same object until something changes. */
  readonly tokens = (): Tokens => this.#tokens;

  /** Tells of each change. The answer ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    clearTimeout(this.#idle);
    this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#idleFor(GRACE_MS);
    };
  };

  /** Fulfilled while there are stats to see, or an error. A component that waits for it cannot subscribe yet: so it is followed from now on. */
  ready(): Promise<void> {
    this.#start();
    this.linger();
    return this.#readiness.promise;
  }

  /** Reads the account anew, at once. */
  readonly refresh = (): void => {
    // Who has nothing to show begins again.
    if (this.#frame === undefined) this.#show({ error: undefined });
    this.#tabs?.refresh();
  };

  /** From now on it is asked for in this way. */
  configure(access: Access): void {
    this.#access = access;
  }

  /** What a server has read may be newer than what is shown. */
  offer(initial: Initial): void {
    const frame = frameOf(initial, this.#user);
    if (frame === undefined || (this.#frame !== undefined && this.#frame.stats.version >= frame.stats.version)) return;
    this.#show({ frame });
  }

  /** Unless somebody subscribes in time, it stops. */
  linger(): void {
    if (this.#listeners.size === 0) this.#idleFor(LINGER_MS);
  }

  /** Called when it stops. */
  onStop: () => void = () => undefined;

  #idleFor(ms: number): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#stop(), ms);
  }

  #start(): void {
    if (this.#unwatch !== undefined) return;
    this.#unwatch = watchPage({
      gone: () => this.#leave(),
      back: () => this.#join(),
      seen: visible => this.#seenBy(visible),
      network: () => this.#network(),
    });
    this.#join();
  }

  #stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#leave();
    this.#show({ live: false });
    this.onStop();
    if (this.#readiness.isReady) return;
    // Who still waits looks again, and begins anew by that.
    const waited = this.#readiness;
    this.#readiness = new Readiness();
    waited.settle();
  }

  /** Joins the tabs that show this user. As long as it is not known who that is, this one is alone. */
  #join(): void {
    if (this.#tabs !== undefined) return;
    const name = this.#user === undefined ? undefined : `jeton:1:${this.#options.url}:${this.#user}`;
    this.#tabs = new Tabs<State>(name, {
      lead: signal => this.#lead(signal),
      state: () => ({ frame: this.#frame, live: this.#live, error: this.#error && toldOf(this.#error) }),
      hear: state => this.#hear(state),
      question: () => ({ length: this.#options.length, version: this.#frame?.stats.version ?? 0 }),
      asked: question => this.#asked(question),
      refresh: () => this.#line?.reread(),
    });
  }

  #leave(): void {
    this.#tabs?.close();
    this.#tabs = undefined;
    this.#beSure();
  }

  /** A token, and with it, unless it was said, whose account this is: that may change when somebody else has signed in. */
  async #session(): Promise<string> {
    const { session } = this.#access;
    const token = typeof session === 'string' ? session : await session();
    const user = this.#options.userId ?? subjectOf(token);
    if (user !== this.#user) this.#turnTo(user);
    return token;
  }

  #turnTo(user: string | undefined): void {
    const known = this.#user;
    this.#user = user;
    const isTheirs = known === undefined && this.#frame !== undefined && isOf(this.#frame.stats, user);
    const joined = this.#tabs !== undefined;
    this.#leave();
    if (!isTheirs) this.#show({ frame: undefined, live: false, error: undefined });
    if (joined) this.#join();
  }

  /** Has the stream, until the signal ends it or trying on is no use. The answer is whether anything came. */
  async #lead(signal: AbortSignal): Promise<boolean> {
    let useful = false;
    const line = new Line({
      jeton: this.#jeton,
      userId: this.#options.userId,
      length: this.#options.length,
      known: this.#frame,
      language: this.#access.language,
      told: frame => {
        useful = true;
        this.#beSure();
        this.#show({ frame, live: true, error: undefined });
      },
      lost: error => this.#lost(error),
    });
    this.#line = line;
    signal.addEventListener('abort', () => line.close(), { once: true });
    this.#lost();
    try {
      await line.run();
    } catch (error) {
      if (!signal.aborted) {
        this.#beSure();
        this.#show({ live: false, error: asJetonError(error) });
      }
    }
    return useful;
  }

  /** Another tab leads, and this is how things are there. */
  #hear({ frame, live, error }: State): void {
    const isNews = frame !== undefined && isOf(frame.stats, this.#user) && supersedes(frame, this.#frame);
    this.#beSure();
    this.#show({ frame: isNews ? frame : this.#frame, live, error: error && errorOf(error) });
  }

  /** Another tab has come, or wonders. */
  #asked({ length, version }: Question): void {
    if (this.#line?.reaches(length)) return;
    // Somebody knows more than has come over this line.
    if (version > (this.#frame?.stats.version ?? 0)) this.#line?.restart();
    else this.#line?.restartIfSilentFor(QUIET_MS);
  }

  /** Nobody looks at a hidden page, and a browser has few lines to one server: who has one for itself lets it go. */
  #seenBy(visible: boolean): void {
    if (this.#tabs?.shares === false && !visible) this.#leave();
    else if (visible && this.#tabs === undefined) this.#join();
    else if (visible && this.#tabs?.leads) this.#line?.restartIfSilentFor(QUIET_MS);
    else if (visible) this.#tabs?.ask();
  }

  /** What hangs on the old way out need not know that there is another. */
  #network(): void {
    this.#tabs?.wake();
    if (!this.#tabs?.leads) return;
    this.#lost();
    this.#line?.restart();
  }

  /** The line is down, or may be: unless something comes soon, what is shown may be old. */
  #lost(failure = this.#failure): void {
    this.#failure = failure;
    if (this.#doubted) this.#show({ live: false, error: failure ?? this.#error });
    this.#doubt ??= setTimeout(() => {
      this.#doubted = true;
      this.#show({ live: false, error: this.#failure ?? this.#error });
    }, DOUBT_MS);
  }

  #beSure(): void {
    clearTimeout(this.#doubt);
    this.#doubt = undefined;
    this.#doubted = false;
    this.#failure = undefined;
  }

  #show(change: { frame?: Frame | undefined; live?: boolean; error?: JetonError | undefined }): void {
    const next = { frame: this.#frame, live: this.#live, error: this.#error, ...change };
    if (next.frame === this.#frame && next.live === this.#live && next.error === this.#error) return;
    this.#frame = next.frame;
    this.#live = next.live;
    this.#error = next.error;
    this.#tokens = this.#seen();
    this.#settle();
    this.#tabs?.tell();
    for (const listener of this.#listeners) listener();
  }

  #seen(): Tokens {
    return tokensOf(this.#frame, this.#options.length, { live: this.#live, error: this.#error, refresh: this.refresh });
  }

  #settle(): void {
    if (!this.#tokens.loading) this.#readiness.settle();
    else if (this.#readiness.isReady) this.#readiness = new Readiness();
  }
}
