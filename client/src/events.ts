/** Following an account over lines that end, break and die. */

import { JetonError, JetonUnexpected } from './problem.js';
import type { Call, CallOptions } from './request.js';
import { EventReader } from './sse.js';
import type { StreamEvent } from './sse.js';
import { retryAfterMs } from './transport.js';
import type { Transport } from './transport.js';
import type { Event, EventsInput } from './types.js';
import { jittered, pause } from './waiting.js';

/** How an account is followed. `timeoutMs` is the time that a line has to come about. */
export interface SubscribeOptions extends Omit<CallOptions, 'retries'> {
  /**
   * Told when events come, and when they cease to: with the error that broke the line, or kept it from coming about. A stream that ends as
   * streams do is neither.
   */
  onConnection?: ((state: 'live' | 'lost', error?: Error) => void) | undefined;
  /** After how many milliseconds without a byte a line is dead; by default 45 000, as there is a comment every 15 s. */
  silenceMs?: number | undefined;
}

/** How long a line may be silent, in milliseconds. */
const SILENCE_MS = 45_000;
/** How long to wait before coming back, in milliseconds, where the stream has not said it, and where coming back has failed again and again. */
const RETRY_MS = 1_000;
/** The least of such pauses: a stream may ask for less, and does not get it. */
const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 30_000;

/** The events of an account. Each iteration is a subscription of its own, which ends with it: also while it waits. */
export function subscription(transport: Transport, input: EventsInput, options: SubscribeOptions): AsyncIterable<Event> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<Event, void> {
      const { signal } = options;
      const end = new AbortController();
      const abort = (): void => end.abort(signal?.reason);
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
      const events = follow(transport, input, options, end.signal);
      let left = false;
      return {
        async next(): Promise<IteratorResult<Event, void>> {
          try {
            return await events.next();
          } catch (error) {
            signal?.removeEventListener('abort', abort);
            if (left) return { done: true, value: undefined };
            throw error;
          }
        },
        async return(): Promise<IteratorResult<Event, void>> {
          left = true;
          signal?.removeEventListener('abort', abort);
          end.abort();
          return events.return();
        },
      };
    },
  };
}

/** One line after another, until the signal or something for which coming back is no help. */
async function* follow(
  transport: Transport,
  input: EventsInput,
  options: SubscribeOptions,
  signal: AbortSignal,
): AsyncGenerator<Event, void, void> {
  const { onConnection, silenceMs = SILENCE_MS } = options;
  const place = { lastEventId: input.lastEventId, retryMs: RETRY_MS };
  let live = false;
  /** Whether Jeton has been there. An answer that is none of its own is a wrong address before, and after it a proxy's, which passes. */
  let known = false;
  /** How many lines in a row brought nothing. */
  let failures = 0;
  for (;;) {
    let wait = 0;
    failures += 1;
    try {
      for await (const event of line(transport, { ...input, ...place }, { ...options, signal, silenceMs }, ms => { place.retryMs = ms; })) {
        failures = 0;
        known = true;
        if (event.id !== null) place.lastEventId = event.id;
        if (!live) onConnection?.('live');
        live = true;
        yield event;
        signal.throwIfAborted();
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof JetonError) || !comesBack(error, known)) throw error;
      live = false;
      onConnection?.('lost', error);
      wait = retryAfterMs(error);
    }
    await pause(Math.max(wait, jittered(Math.min(Math.max(place.retryMs, PAUSE_MIN_MS) * 2 ** failures, PAUSE_MAX_MS))), signal);
  }
}

/** The events of one line, to its clean end. */
async function* line(
  transport: Transport,
  { userId, lastEventId }: EventsInput,
  options: SubscribeOptions & { silenceMs: number },
  onRetry: (ms: number) => void,
): AsyncGenerator<Event, void, void> {
  const call: Call = {
    method: 'GET',
    path: '/api/events',
    query: { userId },
    accept: 'text/event-stream',
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  };
  const answer = await transport.open(call, { ...options, retries: 0 });
  try {
    const reader = new EventReader();
    let told = 0;
    for (let bytes; (bytes = await answer.read(options.silenceMs)) !== undefined;) {
      for (const event of reader.read(bytes)) {
        const understood = understand(event);
        if (understood === undefined) continue;
        told += 1;
        yield understood;
      }
      if (reader.retryMs !== undefined) onRetry(reader.retryMs);
    }
    if (told === 0) throw new JetonUnexpected('GET /api/events: the stream ended before anything came.', 200, { retriable: true });
  } finally {
    answer.close();
  }
}

/** What an event says; undefined for kinds that came later. */
function understand({ event, id, data }: StreamEvent): Event | undefined {
  switch (event) {
    case 'stats': return { event, id, data: said(data) };
    case 'transaction': return { event, id, data: said(data) };
    case 'resync': return { event, id: null, data: {} };
    default: return undefined;
  }
}

/** What an event's data says. */
function said<Data>(data: string): Data {
  let value;
  try {
    value = JSON.parse(data);
  } catch {
    throw new JetonUnexpected('GET /api/events: an event is no JSON.', 200, { retriable: true });
  }
  if (value !== null) return value;
  throw new JetonUnexpected('GET /api/events: an event is null.', 200, { retriable: true });
}

/** Whether another line may fare better: not where a refusal is for good, nor where the call cannot be made, nor where Jeton never was. */
function comesBack(error: JetonError, known: boolean): boolean {
  return error.retriable || (known && error instanceof JetonUnexpected);
}
