import { JetonProblem, JetonUnreachable } from 'jeton';
import type { Texts } from '../texts';

/** Why something was not done: a code for programs, of Jeton's or of our own, and a message for people. */
export interface Refusal {
  code: string;
  message: string;
}

/** What people are told of an error. Jeton's own refusals have a message, in the language that the call was made in. */
export function refusalOf(error: unknown, texts: Texts): Refusal {
  if (error instanceof JetonProblem && error.status < 500) return { code: error.code, message: error.message };
  // What is behind it is for the log, not for the page.
  console.error(error);
  if (error instanceof JetonProblem || error instanceof JetonUnreachable) return { code: error.code, message: texts.away };
  return { code: 'failed', message: texts.failed };
}
