/** A process that streams an answer to a user, its first argument, until it is killed; or, told to `leave`, reads nothing of it. */

import { streamText } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { openStream, spending } from './support.js';

const [, , userId = '', what] = process.argv;
const leaves = what === 'leave';
const model = spending(userId, new MockLanguageModelV4({ doStream: async () => openStream() }), { ttlSeconds: leaves ? 86_400 : 3 });
if (leaves) {
  await model.doStream({ prompt: [] });
  console.log('left');
} else {
  // A stream that hangs does not keep a process alive.
  setInterval(() => undefined, 60_000);
  for await (const part of streamText({ model, prompt: 'Bonjour' }).textStream) console.log(part);
}
