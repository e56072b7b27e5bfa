/** The client: a method for each call. */

import { subscription } from './events.js';
import type { SubscribeOptions } from './events.js';
import { exported } from './export.js';
import type { PriceTable } from './prices.js';
import { JetonError, JetonUnexpected } from './problem.js';
import { newKey } from './request.js';
import type { CallOptions, ChangeOptions, QueryInput } from './request.js';
import { Credential } from './session.js';
import type { SessionSource } from './session.js';
import { Transport } from './transport.js';
import type {
  Account, AccountPage, AccountsInput, AddTokensInput, BillingRun, CaptureInput, Event, EventsInput, ExportInput, ExtendInput, GenerationInput,
  Health, RefundInput, ReleaseInput, ReservationInput, ReservationResult, ReserveInput, ResetInput, Result, Session, SessionInput, Stats,
  Transaction, TransactionPage, TransactionResult, TransactionsInput, UpdateAccountInput, UsageInput, UsageReport, UserInput,
} from './types.js';

/** What a client is made with. */
export interface JetonOptions {
  /** Where Jeton is deployed, as `https://tokens.example`. */
  url: string | URL;
  /** The secret of a service key; on servers alone. */
  key?: string | undefined;
  /** A user token, or what gets one: it is asked again when the token is about to end, or was refused. */
  session?: SessionSource | undefined;
  /** How long one attempt may take, in milliseconds; by default 10 000. */
  timeoutMs?: number | undefined;
  /** How many further attempts there are after what a further one may help with; by default 3. */
  retries?: number | undefined;
  /** The language of messages, and of descriptions that are written; by default the server's. */
  language?: 'fr' | 'en' | undefined;
  /** What sends requests, instead of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

const TIMEOUT_MS = 10_000;
const RETRIES = 3;
/** How long a billing run may take, in milliseconds: the function's `maxDuration`. */
const BILLING_TIMEOUT_MS = 60_000;

/**
 * A client of one deployment. Every method may throw a {@link JetonError}: a `JetonProblem` when Jeton refuses, a `JetonUnreachable` when no answer
 * comes, a `JetonUnexpected` when something else answers. What may succeed later is tried again, after pauses that grow and as long as the
 * server asks for; every change has an idempotency key, the same in all attempts, so that however often it is sent it is made once.
 *
 * @example
 * const jeton = new Jeton({ url: 'https://tokens.example', key: process.env.JETON_API_KEY });
 * const { stats } = await jeton.recordGeneration({ userId: 'alice', contentType: 'ARTICLE' });
 */
export class Jeton {
  /** Where Jeton is deployed. */
  readonly url: URL;
  readonly #transport: Transport;
  readonly #timeoutMs: number;

  /** @throws JetonError `invalid_argument`, when something of it cannot be used. */
  constructor(options: JetonOptions) {
    const { key, session, timeoutMs = TIMEOUT_MS, retries = RETRIES, language } = options;
    this.url = root(options.url);
    this.#timeoutMs = timeoutMs;
    this.#transport = new Transport({
      url: this.url,
      credential: new Credential(key, session),
      timeoutMs,
      retries,
      language,
      // Looked up at each call, so that whoever instruments the global one later is heard; and called without `this`, as some ask for.
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    });
  }

  /** The account as it is now. Scope `read`, or a session. */
  async getStats(input: UserInput = {}, options?: CallOptions): Promise<Stats> {
    return this.#get('/api/stats', input, options);
  }

  /** Debits a generation. Scope `spend`. Refused with `insufficient_tokens` or `spending_cap_reached`. */
  async recordGeneration(input: GenerationInput, options?: ChangeOptions): Promise<TransactionResult> {
    return this.#change('POST', '/api/generations', input, options);
  }

  /** Adds tokens. Scope `credit`. */
  async addTokens(input: AddTokensInput, options?: ChangeOptions): Promise<TransactionResult> {
    return this.#change('POST', '/api/tokens', input, options);
  }

  /** Gives a debit back, once. Scope `credit`. Refused with `transaction_not_found`, `already_refunded` or `not_refundable`. */
  async refund(input: RefundInput, options?: ChangeOptions): Promise<TransactionResult> {
    return this.#change('POST', '/api/refunds', input, options);
  }

  /** Brings the account back to its opening; the history before is archived. Scope `admin`. */
  async reset(input: ResetInput, options?: ChangeOptions): Promise<Result> {
    return this.#change('POST', '/api/reset', input, options);
  }

  /** Sets tokens aside, for 300 seconds unless it says otherwise. Scope `spend`. Refused as a generation is. */
  async reserve(input: ReserveInput, options?: ChangeOptions): Promise<ReservationResult> {
    return this.#change('POST', '/api/reservations', input, options);
  }

  /**
   * Debits what was used of a reservation, and gives the rest back unless `final` is false. Scope `spend`. One that is closed is refused with
   * `reservation_captured`, `reservation_released` or `reservation_expired`.
   */
  async capture(input: CaptureInput, options?: ChangeOptions): Promise<ReservationResult> {
    return this.#change('PATCH', '/api/reservations', { ...input, action: 'capture' }, options);
  }

  /** Gives all of a reservation back. Scope `spend`. */
  async release(input: ReleaseInput, options?: ChangeOptions): Promise<ReservationResult> {
    return this.#change('PATCH', '/api/reservations', { ...input, action: 'release' }, options);
  }

  /** Lets a reservation last until `ttlSeconds` from now, by default 300, and never shorter than it would have. Scope `spend`. */
  async extend(input: ExtendInput, options?: ChangeOptions): Promise<ReservationResult> {
    return this.#change('PATCH', '/api/reservations', { ...input, action: 'extend' }, options);
  }

  /** A reservation as it is, or what became of it. Scope `read`. */
  async getReservation(input: ReservationInput, options?: CallOptions): Promise<ReservationResult> {
    return this.#get('/api/reservations', input, options);
  }

  /** A page of the history, by default the 50 newest entries. Scope `read`, or a session. */
  async listTransactions(input: TransactionsInput = {}, options?: CallOptions): Promise<TransactionPage> {
    return this.#get('/api/transactions', input, options);
  }

  /**
   * The history, entry after entry, read a page (of `limit` entries) at a time as they are asked for. Each entry comes once, whatever is written
   * meanwhile: newer ones are passed over from the newest on, and met from the oldest on. Scope `read`, or a session.
   *
   * @example
   * for await (const { amount } of jeton.transactions({ userId: 'alice', type: 'DEBIT' })) sum += amount;
   */
  async *transactions(input: Omit<TransactionsInput, 'cursor'> = {}, options?: CallOptions): AsyncGenerator<Transaction, void, void> {
    yield* walked(cursor => this.listTransactions({ ...input, ...cursor }, options), ({ transactions }) => transactions);
  }

  /**
   * The whole selection as CSV or NDJSON, as one stream. A transfer that breaks off, or is silent for `timeoutMs`, errors the stream: what
   * ends without an error is whole. Scope `read`, or a session.
   */
  async exportTransactions({ format, ...query }: ExportInput, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const accept = format === 'csv' ? 'text/csv' : 'application/x-ndjson';
    const answer = await this.#transport.open({ method: 'GET', path: '/api/transactions', query, accept }, options);
    return exported(answer, options.timeoutMs ?? this.#timeoutMs);
  }

  /** What was spent when, by hour, day or month. Scope `read`, or a session. */
  async getUsage(input: UsageInput = {}, options?: CallOptions): Promise<UsageReport> {
    return this.#get('/api/usage', input, options);
  }

  /**
   * A token with which the user's browser may read this account, for 900 seconds unless it says otherwise. Scope `spend`. It changes nothing, so it has
   * an idempotency key only if it is given one: under a key the server would keep the token for a day.
   */
  async createSession(input: SessionInput, options?: ChangeOptions): Promise<Session> {
    return this.#transport.json({ method: 'POST', path: '/api/sessions', body: input }, options);
  }

  /** A page of the accounts, in the order of their ids. Scope `admin`. */
  async listAccounts(input: AccountsInput = {}, options?: CallOptions): Promise<AccountPage> {
    return this.#get('/api/accounts', input, options);
  }

  /** All accounts, read a page (of `limit`) at a time. Scope `admin`. */
  async *accounts(input: Omit<AccountsInput, 'cursor'> = {}, options?: CallOptions): AsyncGenerator<Account, void, void> {
    yield* walked(cursor => this.listAccounts({ ...input, ...cursor }, options), ({ accounts }) => accounts);
  }

  /** Gives a user another plan, caps of their own, or both. Scope `admin`. */
  async updateAccount(input: UpdateAccountInput, options?: ChangeOptions): Promise<Result> {
    return this.#change('PATCH', '/api/accounts', input, options);
  }

  /** Bills who is due. It takes the cron's key, and up to a minute: so long is an attempt, unless `timeoutMs` says otherwise. */
  async runBilling(options: CallOptions = {}): Promise<BillingRun> {
    return this.#get('/api/billing', {}, { ...options, timeoutMs: options.timeoutMs ?? BILLING_TIMEOUT_MS });
  }

  /** Whether the store answers; otherwise `store_unavailable`. Everybody may ask. */
  async getHealth(options?: CallOptions): Promise<Health> {
    return this.#get('/api/health', {}, options);
  }

  /** What language models cost, by the server's `plans.toml`. Everybody may ask. */
  async getPrices(options?: CallOptions): Promise<PriceTable> {
    return this.#get('/prices.json', {}, options);
  }

  /**
   * The account live: its stats now, and from then on every change, whoever makes it. It goes on by itself after ends, broken lines and servers
   * that were away, without gap or duplicate, until the loop is left or the signal aborts. Start from a page of the history with its newest id
   * as `lastEventId`, or with `0-0` to be told all of it. Scope `read`, or a session.
   *
   * @throws JetonProblem where coming back cannot help: a key, a session that cannot be renewed, or a field that is refused.
   * @throws JetonUnexpected where something else than Jeton answers before the first event: the address is a wrong one.
   * @example
   * for await (const event of jeton.subscribe({ userId: 'alice' })) {
   *   if (event.event === 'stats') show(event.data.tokenBalance);
   * }
   */
  subscribe(input: EventsInput = {}, options: SubscribeOptions = {}): AsyncIterable<Event> {
    return subscription(this.#transport, input, options);
  }

  #get<Answer>(path: string, query: QueryInput, options: CallOptions | undefined): Promise<Answer> {
    return this.#transport.json({ method: 'GET', path, query }, options);
  }

  #change<Answer>(method: 'POST' | 'PATCH', path: string, body: object, options: ChangeOptions | undefined): Promise<Answer> {
    return this.#transport.json({ method, path, body }, { ...options, idempotencyKey: options?.idempotencyKey ?? newKey() });
  }
}

/** All entries of all pages, each page read when it is come to. */
async function* walked<Page extends { nextCursor: string | null }, Entry>(
  read: (cursor: { cursor?: string }) => Promise<Page>,
  entries: (page: Page) => Entry[],
): AsyncGenerator<Entry, void, void> {
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await read(cursor === undefined ? {} : { cursor });
    const { nextCursor } = page;
    const isOne = Array.isArray(entries(page)) && (nextCursor === null || (typeof nextCursor === 'string' && nextCursor !== ''));
    // To end here would be to say that there is no more, and to go on might have no end.
    if (!isOne) throw new JetonUnexpected('A page of Jeton does not say what is on it, or whether it is the last.', 200);
    yield* entries(page);
    cursor = nextCursor;
  }
}

/** The deployment's address. What is wrong with it is told without the address, which may hold a password. */
function root(url: string | URL): URL {
  const wrong = (what: string): JetonError => new JetonError('invalid_argument', `The \`url\` of Jeton ${what}: give it one as https://tokens.example.`);
  if (!URL.canParse(url)) throw wrong('is none');
  const parsed = new URL(url);
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') throw wrong('begins with neither https:// nor http://');
  if (parsed.username !== '' || parsed.password !== '') throw wrong('has a user or a password in it');
  if (parsed.search !== '' || parsed.hash !== '') throw wrong('has a query or a fragment');
  return parsed;
}
