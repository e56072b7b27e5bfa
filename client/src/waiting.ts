/** Waiting that an abort ends at once. */

/** Somewhere between half of it and all of it, so that those who failed together do not come back together. */
export function jittered(ms: number): number {
  return ms * (1 - Math.random() / 2);
}

/** The longest time that a timer takes, in milliseconds: of a longer one, and of `Infinity`, it would make 1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A time in milliseconds as a timer takes it: 24 days at most. */
export function timed(ms: number): number {
  return Math.min(ms, TIMER_MAX_MS);
}

/** Waits so many milliseconds, or until the signal throws. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = new Promise<void>(resolve => { timer = setTimeout(resolve, timed(ms)); });
  await raced(wait, signal).finally(() => clearTimeout(timer));
}

/** The promise, unless the signal throws its reason before. */
export async function raced<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', abort));
}
