/** A process that streams an answer until it is killed. Its argument is the user. */

import { streamText } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { openStream, spending } from './support.js';

const model = spending(process.argv[2] ?? '', new MockLanguageModelV4({ doStream: async () => openStream() }), { ttlSeconds: 2 });
// A stream that hangs does not keep a process alive.
setInterval(() => undefined, 60_000);
for await (const part of streamText({ model, prompt: 'Bonjour' }).textStream) console.log(part);
