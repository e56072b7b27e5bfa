/**
 * The names of what goes to Jeton and comes from it. They stand on `schema.ts`, which is generated from the OpenAPI document, so that
 * they say what the server says. Amounts are whole tokens, from 1 to 2^53 − 1; times are RFC 3339 in UTC with milliseconds.
 */

import type { components, operations } from './schema.js';

type Schemas = components['schemas'];

/** The query of a call that only reads. */
type Query<Operation extends keyof operations> = NonNullable<operations[Operation]['parameters']['query']>;

/** An instant that a caller gives: RFC 3339, or a `Date`. */
export type Instant = string | Date;

/**
 * What a caller gives: what the schema says, where a field that may be left out may also be `undefined`, and the fields of instants may be
 * a `Date`.
 */
type Given<Input, Instants extends string = never> = {
  [Key in keyof Input]:
    | Input[Key]
    | (Record<never, never> extends Pick<Input, Key> ? undefined : never)
    | (Key extends Instants ? Date : never);
};

/** An account: what can be spent, what was, what comes next. Of two of a user's the one with the greater `version` is the newer. */
export type Stats = Schemas['Stats'];
/** An entry of a user's history. Its `id` is unique and increases within a user; compare it as two numbers, not as text. */
export type Transaction = Schemas['Transaction'];
/** `CREDIT` or `DEBIT`. */
export type TransactionType = Schemas['TransactionType'];
/** Tokens that are set aside for work whose cost is known only at its end. */
export type Reservation = Schemas['Reservation'];
/** `open`, `captured`, `released` or `expired`. */
export type ReservationStatus = Schemas['ReservationStatus'];
/** What the balance is made of: tokens of one source, priority and expiry. */
export type Grant = Schemas['Grant'];
/** What time alone changes next, and when the balance runs out at the present pace. */
export type Forecast = Schemas['Forecast'];
/** What is generated: the content types of the catalogue. */
export type ContentType = Schemas['ContentType'];
/** Where added tokens may come from. */
export type CreditSource = Schemas['CreditSource'];
/** Where tokens of an entry came from. */
export type Source = Schemas['Source'];
/** The caller's own data: a JSON object of at most 2 KiB. */
export type Metadata = Schemas['Metadata'];
/** The name of a plan of the catalogue. */
export type PlanName = Schemas['PlanName'];
/** A page of the history; `nextCursor` is null on the last one. */
export type TransactionPage = Schemas['TransactionPage'];
/** What was spent, bucket after bucket, oldest first. */
export type UsageReport = Schemas['UsageReport'];
/** What was spent from one instant to the next bucket's. */
export type UsageBucket = Schemas['UsageBucket'];
/** What the list says of an account. */
export type Account = Schemas['Account'];
/** A page of the list of accounts; `nextCursor` is null on the last one. */
export type AccountPage = Schemas['AccountPage'];
/** A user token and when it ends. */
export type Session = Schemas['Session'];
/** What a billing run did. */
export type BillingRun = Schemas['BillingRun'];
/** That the store answers, which it is, and how fast. */
export type Health = Schemas['Health'];

/** What a change answers: the account after it, and what it was about. */
export type Result = Schemas['Result'];
/** The result of a change that wrote an entry. */
export type TransactionResult = Result & { transaction: Transaction };
/** The result of a change to a reservation; a capture of some tokens has its entry too. */
export type ReservationResult = Result & { reservation: Reservation };

/** A refusal as it stands in the answer: one of a union that `code` tells apart. */
export type Problem = Schemas['Problem'];
/** What tells refusals apart. It never changes; a server that is newer than this package may have more of them. */
export type Code = Problem['code'];
/** The refusal with this code, with the fields that it alone has. */
export type ProblemOf<C extends Code> = { [P in Problem as P['code']]: P }[C];

/** Whose account: `userId` may be left out with a session, whose user it then is, and in development, where it is the test user. */
export type UserInput = Given<Query<'getStats'>>;
/** A debit: without `tokenCost` it costs what the catalogue says for the content type, which is by default an article. */
export type GenerationInput = Given<Schemas['RecordGeneration']>;
/** Tokens for a user. */
export type AddTokensInput = Given<Schemas['AddTokens'], 'expiresAt'>;
/** Which debit to give back. */
export type RefundInput = Given<Schemas['RefundDebit']>;
/** Whose account begins anew. */
export type ResetInput = Given<Schemas['ResetAccount']>;
/** How many tokens to set aside, for at most so many seconds. */
export type ReserveInput = Given<Schemas['Reserve']>;
/** What was used of a reservation: by default all of it, and by default for the last time. */
export type CaptureInput = Given<Omit<Extract<Schemas['UpdateReservation'], { action: 'capture' }>, 'action'>>;
/** Which reservation to give back. */
export type ReleaseInput = Given<Omit<Extract<Schemas['UpdateReservation'], { action: 'release' }>, 'action'>>;
/** Which reservation lasts longer, and for how many seconds from now. */
export type ExtendInput = Given<Omit<Extract<Schemas['UpdateReservation'], { action: 'extend' }>, 'action'>>;
/** Which reservation. */
export type ReservationInput = Given<Query<'getReservation'>>;
/** Which entries, in which order, and from which cursor on. */
export type TransactionsInput = Given<Query<'listTransactions'>, 'from' | 'to'>;
/** Which entries, and in which of the two formats. */
export type ExportInput = Omit<TransactionsInput, 'limit' | 'cursor'> & { format: 'csv' | 'ndjson' };
/** Whose usage, when, and by which buckets. */
export type UsageInput = Given<Query<'getUsage'>, 'from' | 'to'>;
/** For whose browser, and for how many seconds. */
export type SessionInput = Given<Schemas['CreateSession']>;
/** Which accounts, and from which cursor on. */
export type AccountsInput = Given<Query<'listAccounts'>>;
/** Another plan, caps of the user's own, or both. A cap of `null` takes the user's own back. */
export type UpdateAccountInput = {
  /** Whose account. */
  userId: string;
  /** From when on: at once, which is the default, or from the next billing on. */
  effective?: Schemas['Effective'] | undefined;
} & (
  | { plan: PlanName; caps?: Schemas['CapChanges'] | undefined }
  | { plan?: PlanName | undefined; caps: Schemas['CapChanges'] }
);
/** Whose events, and after which one. */
export type EventsInput = Given<Query<'streamEvents'>>;

/** The account as it is now: first of all, and after every change. `id` is that of the newest entry, `0-0` while there is none. */
export interface StatsEvent {
  event: 'stats';
  id: string;
  data: Stats;
}

/** A new entry of the history. It comes before the stats that count it. */
export interface TransactionEvent {
  event: 'transaction';
  id: string;
  data: Transaction;
}

/** The history is another one, or too much of it was missed: read it anew. The stream goes on from the stats that follow. */
export interface ResyncEvent {
  event: 'resync';
  id: null;
  data: Record<string, never>;
}

/** What a subscription tells, told apart by `event`. */
export type Event = StatsEvent | TransactionEvent | ResyncEvent;
