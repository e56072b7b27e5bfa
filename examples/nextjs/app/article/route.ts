// An article, as a stream. It is no server action, as these give their answer whole.
import { createUIMessageStreamResponse, streamText, toUIMessageStream } from 'ai';
import { readTokenError, tokenErrorText } from 'jeton/ai';
import { asker } from '../lib/answer';
import { spokenLanguage } from '../lib/language';
import { articleWriter } from '../lib/model';
import { promptOf } from '../lib/prompt';
import type { Refusal } from '../lib/refusal';
import { TEXTS } from '../texts';

/**
 * Writes about the `prompt` in the body, for whoever is signed in, if that is whom the page shows (`for`). Who ends the request ends the
 * writing, and what was set aside goes back.
 */
export async function POST(request: Request): Promise<Response> {
  const body = await request.json().catch(() => undefined);
  const who = await asker(body?.for);
  if (!who) return refuse(401, { code: 'signed_out', message: TEXTS[await spokenLanguage()].signedOut });
  const prompt = promptOf(body?.prompt);
  if (prompt === '') return refuse(400, { code: 'no_topic', message: who.texts.noTopic });
  const { stream } = streamText({
    model: articleWriter(who),
    prompt,
    abortSignal: request.signal,
    onError: ({ error }) => { if (!readTokenError(error)) console.error(error); },
  });
  // A refusal goes to the page as a text that `readTokenError` reads there.
  const onError = (error: unknown) => tokenErrorText(error) ?? 'failed';
  return createUIMessageStreamResponse({ stream: toUIMessageStream({ stream, onError }) });
}

/** A refusal of our own, as `toldRefusal` reads it. */
function refuse(status: number, refusal: Refusal): Response {
  return Response.json(refusal, { status });
}
