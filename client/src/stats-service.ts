/**
 * The functions of the module that Jeton replaces, by their old names: where it was imported, only the import changes.
 *
 * They find the deployment by two settings, which are read at the first call: `JETON_URL`, and `JETON_API_KEY`, the secret of a service key with the
 * scope `credit` (`admin` for {@link resetStats}). On servers alone, as the key is a secret.
 *
 * Too few tokens, and whatever else a rule refuses, is `success: false` with a message. When Jeton or its store does not answer, a
 * `JetonError` is thrown: there is no invented balance and no empty history.
 *
 * @packageDocumentation
 */

import { Jeton } from './jeton.js';
import { JetonError, JetonProblem } from './problem.js';
import type { ContentType, Result, Stats, Transaction } from './types.js';

export type { ContentType, Stats, Transaction } from './types.js';

/** What a change answers: whether it was made, a text for people, and the account as it is then. */
export interface StatsResult {
  success: boolean;
  message: string;
  stats: Stats;
}

/** How many entries a page of the history has at most. */
const PAGE_MAX = 1_000;

let client: Jeton | undefined;

/**
 * The account as it is now; somebody new is opened by it.
 *
 * @throws JetonError
 */
export async function getUserStats(userId: string): Promise<Stats> {
  return jeton().getStats(user(userId));
}

/**
 * Debits an article: `tokenCost` tokens, or what the catalogue says.
 *
 * @throws JetonError
 */
export async function recordArticleGeneration(userId: string, tokenCost?: number): Promise<StatsResult> {
  return recordGeneration(userId, 'ARTICLE', tokenCost);
}

/**
 * Debits a product description: `tokenCost` tokens, or what the catalogue says.
 *
 * @throws JetonError
 */
export async function recordProductDescriptionGeneration(userId: string, tokenCost?: number): Promise<StatsResult> {
  return recordGeneration(userId, 'PRODUCT_DESCRIPTION', tokenCost);
}

/**
 * Debits a generation: `tokenCost` tokens and this description, or what the catalogue says for the content type.
 *
 * @throws JetonError
 */
export async function recordGeneration(
  userId: string,
  contentType: ContentType,
  tokenCost?: number,
  description?: string,
): Promise<StatsResult> {
  return outcome(userId, jeton().recordGeneration({ ...user(userId), contentType, tokenCost, description }));
}

/**
 * Adds tokens, by default as "Achat de tokens".
 *
 * @throws JetonError
 */
export async function addTokens(userId: string, amount: number, description?: string): Promise<StatsResult> {
  return outcome(userId, jeton().addTokens({ ...user(userId), amount, description }));
}

/**
 * Brings the account back to its opening. The history before is archived.
 *
 * @throws JetonError
 */
export async function resetStats(userId: string): Promise<StatsResult> {
  return outcome(userId, jeton().reset(user(userId)));
}

/**
 * The newest entries of the history, the newest first: `limit` of them at most, by default 50.
 *
 * @throws JetonError
 */
export async function getTransactionHistory(userId: string, limit?: number): Promise<Transaction[]> {
  if (limit === undefined || !(limit > PAGE_MAX)) return (await jeton().listTransactions({ ...user(userId), limit })).transactions;
  const history: Transaction[] = [];
  for await (const transaction of jeton().transactions({ ...user(userId), limit: PAGE_MAX })) {
    history.push(transaction);
    if (history.length >= limit) break;
  }
  return history;
}

/** What the old module answered. */
async function outcome(userId: string, change: Promise<Result>): Promise<StatsResult> {
  try {
    const { success, message, stats } = await change;
    return { success, message, stats };
  } catch (error) {
    if (!(error instanceof JetonProblem) || !isRule(error)) throw error;
    const { problem, message } = error;
    return { success: false, message, stats: 'stats' in problem ? problem.stats : await getUserStats(userId) };
  }
}

/** Whose account. Without anybody, as where an `await` was forgotten, a server in development would take its test user. */
function user(userId: string): { userId: string } {
  if (typeof userId === 'string') return { userId };
  throw new JetonError('invalid_argument', `\`userId\` is ${userId === null ? 'null' : `of the type ${typeof userId}`}, and not a string.`);
}

/** Whether the account is why it was refused, and not the call. */
function isRule({ status }: JetonProblem): boolean {
  return status === 402 || status === 409 || status === 422;
}

/** The client of the deployment that the settings name. */
function jeton(): Jeton {
  // In this form bundlers know the settings; and some runtimes have no `process`.
  const url = typeof process === 'undefined' ? undefined : process.env.JETON_URL;
  const key = typeof process === 'undefined' ? undefined : process.env.JETON_API_KEY;
  client ??= new Jeton({
    url: set('JETON_URL', url, 'where Jeton is deployed, for example https://tokens.example'),
    key: set('JETON_API_KEY', key, 'the secret of a key with the scope credit: of `shop:credit:s3cr3t` in the deployment\'s JETON_API_KEYS that is s3cr3t'),
  });
  return client;
}

function set(name: string, value: string | undefined, what: string): string {
  if (value) return value;
  throw new JetonError('setting_missing', `${name} is not set: set it to ${what}.`);
}

declare const process: { env: Record<string, string | undefined> } | undefined;
