/** The server that the test run has started, and its users. */

import { randomUUID } from 'node:crypto';
import { Jeton } from 'jeton';
import type { JetonOptions, Transaction } from 'jeton';

/** A setting that the test run gives. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: these tests are run by cargo test`);
  return value;
}

/** Where it is. */
export const url = setting('JETON_URL');

/** A client of it, with a key of all scopes unless it says otherwise. */
export function client(options: Partial<JetonOptions> = {}): Jeton {
  return new Jeton({ url, key: setting('JETON_API_KEY'), ...options });
}

/** Somebody who has no account yet. */
export function somebody(): string {
  return `somebody-${randomUUID()}`;
}

/** Somebody whose history has these debits of 1 token each, after the opening. */
export async function spender(debits: number): Promise<string> {
  const userId = somebody();
  const jeton = client();
  await Promise.all(Array.from({ length: debits }, () => jeton.recordGeneration({ userId, tokenCost: 1 })));
  return userId;
}

/** The whole history, oldest first. */
export async function historyOf(userId: string): Promise<Transaction[]> {
  return collected(client().transactions({ userId, order: 'asc', limit: 1000 }));
}

/** The debits of the history. */
export async function debitsOf(userId: string): Promise<Transaction[]> {
  return (await historyOf(userId)).filter(({ type }) => type === 'DEBIT');
}

/** All that an iteration gives. */
export async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What the promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(value => { throw new Error(`it succeeded: ${JSON.stringify(value)}`); }, (error: unknown) => error);
}

/** Waits until the test run has done it. The run is told by a line, and the answer is what it leads to. */
export function say(line: string): void {
  console.log(line);
}
