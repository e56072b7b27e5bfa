/** The accounts of this page. They outlive their providers: rendering may begin anew, and the next screen shows the same user. */

import { Account } from './account.js';
import type { Access, AccountOptions } from './account.js';
import type { Initial } from './frame.js';

/** In a page alone: a server has many users. */
const accounts = new Map<string, Account>();
/** Which provider an account belongs to, where it is not said whose account it is. */
const owners = new WeakMap<Account, object>();

/** Whether this is a page, and not a server that renders one. */
export function isPage(): boolean {
  return typeof document !== 'undefined';
}

/** The account that is meant, followed or not. Making one has no effect yet. */
export function accountOf(options: AccountOptions, access: Access, initial: Initial | undefined): Account {
  if (!isPage()) return new Account(options, access, initial);
  const key = JSON.stringify([options.url, options.userId ?? null, options.length]);
  const there = accounts.get(key);
  if (there !== undefined) return there;
  const account = new Account(options, access, initial);
  accounts.set(key, account);
  account.onStop = () => {
    if (accounts.get(key) === account) accounts.delete(key);
  };
  account.linger();
  return account;
}

/**
 * A provider is there to stay, and takes its account. One of which it is not said whose it is goes to the first who comes, and to nobody
 * after: the next one may be for somebody else. Says whether it is the caller's.
 */
export function claim(account: Account, owner: object): boolean {
  if (account.userId !== undefined) return true;
  account.onStop();
  const known = owners.get(account) ?? owner;
  owners.set(account, known);
  return known === owner;
}
