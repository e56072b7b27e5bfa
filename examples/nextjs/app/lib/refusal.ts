import { JetonProblem, JetonUnreachable } from 'jeton';
import type { Texts } from '../texts';

/** Why something was not done: a code for programs, of Jeton's or of our own, and a message for people. */
export interface Refusal {
  code: string;
  message: string;
}

/** Why something was not done, by a rule of our own. */
export class NotDone extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

/** The refusal that an error in the browser brings, whose message is the body of an answer; `undefined` where it is something else. */
export function toldRefusal({ message: body }: Error): Refusal | undefined {
  try {
    const { code, message } = JSON.parse(body);
    return typeof code === 'string' && typeof message === 'string' ? { code, message } : undefined;
  } catch {
    return undefined;
  }
}

/** What people are told of an error. Jeton's own refusals have a message, in the language that the call was made in. */
export function refusalOf(error: unknown, texts: Texts): Refusal {
  if (error instanceof JetonProblem && error.status < 500) return { code: error.code, message: error.message };
  if (error instanceof NotDone) return { code: error.code, message: error.message };
  // What is behind it is for the log, not for the page.
  console.error(error);
  if (error instanceof JetonProblem || error instanceof JetonUnreachable) return { code: error.code, message: texts.away };
  return { code: 'failed', message: texts.failed };
}
