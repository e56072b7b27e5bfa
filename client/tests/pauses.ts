/** The client's pauses, which nobody waits for where only their length matters. */

import type { TestContext } from 'node:test';

/** Lets all pauses of the client pass at once, until the end of the test, and says how long they were to be, in milliseconds. */
export function pauses(context: TestContext): number[] {
  const asked: number[] = [];
  const real = globalThis.setTimeout;
  context.mock.method(globalThis, 'setTimeout', (...timer: Parameters<typeof setTimeout>) => {
    // What Node itself waits for stays as it is, and so do the times that attempts have.
    if (!new Error().stack?.includes('dist/waiting.js')) return real(...timer);
    asked.push(timer[1] ?? 0);
    return real(timer[0], 0);
  });
  return asked;
}
