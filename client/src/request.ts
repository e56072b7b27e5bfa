/** What is sent, and what cannot be. */

import { JetonError } from './problem.js';
import type { Instant } from './types.js';

/** How a call is made, where it differs from what the client was made with. */
export interface CallOptions {
  /** Ends the call at once, with its reason, whatever it waits for. */
  signal?: AbortSignal | undefined;
  /** How long one attempt may take, in milliseconds. */
  timeoutMs?: number | undefined;
  /** How many further attempts there are; 0 for none. */
  retries?: number | undefined;
  /** The language of messages, and of descriptions that are written. */
  language?: 'fr' | 'en' | undefined;
  /** In development: moves the user's test clock forward to this instant first. */
  clock?: Instant | undefined;
}

/** How a change is made. */
export interface ChangeOptions extends CallOptions {
  /**
   * Names the change, for 24 hours: 1–255 visible ASCII characters. The same call under the same key gets the first answer again: give one that
   * belongs to the job, and the job can be run again. Without it each call has a key of its own, the same in all its attempts.
   */
  idempotencyKey?: string | undefined;
}

/** What a query can carry. */
export type QueryInput = Record<string, string | number | boolean | Date | undefined>;

/** A call, before it is known how and how often it is sent. */
export interface Call {
  method: 'GET' | 'POST' | 'PATCH';
  /** From the deployment's root on, as `/api/stats`. */
  path: string;
  query?: QueryInput;
  body?: object;
  /** The media type that is asked for. */
  accept: string;
  headers?: Record<string, string>;
}

/** What all attempts of a call send. */
export interface Prepared {
  /** The call as errors name it. */
  name: string;
  method: string;
  url: URL;
  headers: Headers;
  body: string | undefined;
}

/** Makes the request. What cannot be sent is refused here, before anything is. */
export function prepared(root: URL, call: Call, options: ChangeOptions): Prepared {
  const url = new URL(root.pathname.replace(/\/$/, '') + call.path, root);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value === null) throw new JetonError('invalid_argument', `\`${name}\` is null: leave it out.`);
    if (value !== undefined) url.searchParams.set(name, written(name, value));
  }
  const headers = new Headers({ accept: call.accept, ...call.headers });
  if (options.language !== undefined) headers.set('accept-language', options.language);
  if (options.clock !== undefined) headers.set('jeton-clock', written('clock', options.clock));
  if (options.idempotencyKey !== undefined) headers.set('idempotency-key', checked(options.idempotencyKey));
  if (call.body !== undefined) headers.set('content-type', 'application/json');
  const body = call.body === undefined ? undefined : JSON.stringify(call.body, kept);
  return { name: `${call.method} ${call.path}`, method: call.method, url, headers, body };
}

/** A name for a change: 128 random bits. `randomUUID` is not there in pages without TLS. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('');
}

function checked(key: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new JetonError('invalid_argument', 'An idempotency key is 1–255 visible ASCII characters.');
}

/** Numbers that JSON does not have, and dates that are none, would be sent as `null`. */
function kept(this: Record<string, unknown>, name: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new JetonError('invalid_argument', `\`${name}\` is ${value}, which JSON does not have.`);
  }
  // A date is text already when it comes here, or null.
  const given = this[name];
  return value === null && given instanceof Date ? written(name, given) : value;
}

/** A value as a query or a header carries it. */
function written(name: string, value: string | number | boolean | Date): string {
  if (typeof value !== 'object') return String(value);
  if (!Number.isNaN(value.getTime())) return value.toISOString();
  throw new JetonError('invalid_argument', `\`${name}\` is a Date that is none.`);
}
