/** Refusals that a user is to see, from the server's error to the text of a stream and back to an error in the browser. */

import { isProblem } from '../problem.js';
import type { AnyProblem } from '../problem.js';
import type { ProblemOf } from '../types.js';

/** Why a model was not called, for a user interface. `message` is for people, in the language of the call. */
export type TokenError =
  | Pick<ProblemOf<'insufficient_tokens'>, 'code' | 'message' | 'required' | 'available'>
  | Pick<ProblemOf<'spending_cap_reached'>, 'code' | 'message' | 'cap' | 'limit' | 'resetsAt'>
  | Pick<ProblemOf<'rate_limited' | 'store_unavailable' | 'store_contended'>, 'code' | 'message'>;

/** How deep an error may be wrapped in others. */
const DEPTH_MAX = 5;

/**
 * What a user is to know of an error: of one that was thrown on the server, also inside the SDK's own, or of one that brought the text of
 * {@link tokenErrorText} to the browser. Undefined for every other error.
 *
 * @example
 * const { error } = useChat();
 * const refused = readTokenError(error);
 * if (refused?.code === 'insufficient_tokens') return <p>{refused.message} <a href="/buy">Buy tokens</a></p>;
 */
export function readTokenError(error: unknown): TokenError | undefined {
  return found(error, DEPTH_MAX);
}

/**
 * The error as a text that {@link readTokenError} reads, for `onError` of `toUIMessageStreamResponse` and `createUIMessageStream`, or for the
 * body of an answer. It says nothing but what the user is to know. Undefined for every other error, which gets a text of your own.
 *
 * @example
 * return result.toUIMessageStreamResponse({ onError: error => tokenErrorText(error) ?? 'Something went wrong.' });
 */
export function tokenErrorText(error: unknown): string | undefined {
  const refused = readTokenError(error);
  return refused && JSON.stringify({ tokenError: refused });
}

function found(error: unknown, depth: number): TokenError | undefined {
  if (isProblem(error)) return told(error.problem);
  if (typeof error === 'string') return read(error);
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  // The SDK's RetryError has what its last attempt ended with as `lastError`.
  for (const name of ['message', 'lastError', 'cause']) {
    const inner = found(Reflect.get(error, name), depth - 1);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** What the text of an error says. */
function read(text: string): TokenError | undefined {
  try {
    const refused = told(JSON.parse(text).tokenError);
    return refused && Object.values(refused).every(field => field !== undefined) ? refused : undefined;
  } catch {
    // It is the text of some other error.
    return undefined;
  }
}

/** What a refusal says to a user, if it is one of theirs. */
function told(problem: AnyProblem['problem'] | TokenError): TokenError | undefined {
  const { code, message } = problem;
  switch (code) {
    case 'insufficient_tokens':
      return { code, message, required: problem.required, available: problem.available };
    case 'spending_cap_reached':
      return { code, message, cap: problem.cap, limit: problem.limit, resetsAt: problem.resetsAt };
    case 'rate_limited':
    case 'store_unavailable':
    case 'store_contended':
      return { code, message };
    default:
      return undefined;
  }
}
