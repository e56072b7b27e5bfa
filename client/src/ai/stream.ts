/** A model's stream whose tokens are counted. */

import type { Charge } from './charge.js';
import { isFailure } from './model.js';
import type { ModelStream, StreamPart } from './model.js';

/**
 * The same parts. The part that says what was used is passed on when that is captured, and the stream ends, however it does, when what
 * was set aside has gone back: where somebody waits for the end of it, a serverless function lives until then.
 */
export function charged(stream: ModelStream, charge: Charge): ModelStream {
  const reader = stream.getReader();
  let failed = false;
  charge.endOnAbort();
  charge.awaited = false;
  return new ReadableStream<StreamPart>({
    async pull(controller) {
      charge.awaited = true;
      try {
        const { done, value } = await reader.read();
        if (done) {
          await charge.giveBack();
          controller.close();
          return;
        }
        // There may be more to come: some providers say after an error what was used.
        if (value.type === 'error') failed = true;
        if (value.type === 'finish') await charge.finish(value.usage, failed || isFailure(value.finishReason));
        controller.enqueue(value);
      } catch (error) {
        // Also of a stream that was left meanwhile, which takes nothing more: nobody hears of that.
        await charge.giveBack();
        throw error;
      } finally {
        charge.awaited = false;
      }
    },
    async cancel(reason) {
      const [ended] = await Promise.allSettled([reader.cancel(reason), charge.giveBack()]);
      if (ended.status === 'rejected') throw ended.reason;
    },
    // Nothing is read that nobody has asked for.
  }, { highWaterMark: 0 });
}
