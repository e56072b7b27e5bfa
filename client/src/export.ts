/** A history on its way out, as a stream. */

import type { OpenAnswer } from './answer.js';

/** The bytes of the answer, read as they are asked for. A transfer that breaks off, or is silent for `silenceMs`, errors the stream. */
export function exported(answer: OpenAnswer, silenceMs: number): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const bytes = await answer.read(silenceMs);
        if (bytes !== undefined) return controller.enqueue(bytes);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      answer.close();
    },
    cancel() {
      answer.close();
    },
  }, { highWaterMark: 0 });
}
