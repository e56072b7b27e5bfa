// An article, as a stream. It is no server action, as these give their answer whole.
import { createUIMessageStreamResponse, streamText, toUIMessageStream } from 'ai';
import { readTokenError, tokenErrorText } from 'jeton/ai';
import { asker } from '../lib/answer';
import { articleWriter } from '../lib/model';
import { promptOf } from '../lib/prompt';

/** Writes about the `prompt` in the body, for whoever is signed in. Who ends the request ends the writing, and what was set aside goes back. */
export async function POST(request: Request): Promise<Response> {
  const who = await asker();
  if (!who) return new Response(null, { status: 401 });
  const body = await request.json().catch(() => undefined);
  const { stream } = streamText({
    model: articleWriter(who),
    prompt: promptOf(body?.prompt),
    abortSignal: request.signal,
    onError: ({ error }) => { if (!readTokenError(error)) console.error(error); },
  });
  // A refusal goes to the page as a text that `readTokenError` reads there.
  const onError = (error: unknown) => tokenErrorText(error) ?? 'failed';
  return createUIMessageStreamResponse({ stream: toUIMessageStream({ stream, onError }) });
}
