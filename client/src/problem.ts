/** What this package throws. */

import type { Code, Problem, ProblemOf } from './types.js';

/** What all errors of this package are. */
export class JetonError extends Error {
  /** What tells them apart: the code of a refusal, or `unreachable`, `timeout`, `unexpected`, `invalid_argument`, `setting_missing`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }

  /** Whether the same call may succeed later, as it is. */
  get retriable(): boolean {
    return false;
  }
}

/**
 * A refusal. It changed nothing. `message` is for people, in the language of the call; `problem` is the whole answer, with what its code
 * adds: see {@link isProblem}.
 */
export class JetonProblem<C extends Code = Code> extends JetonError {
  declare readonly code: C;
  /** The HTTP status. */
  readonly status: number;
  /** The answer's body. */
  readonly problem: ProblemOf<C>;
  /** What the server's log knows the request by. */
  readonly requestId: string;
  /** How long the server asks to wait, in milliseconds, if it does. */
  readonly retryAfterMs: number | undefined;

  constructor(problem: ProblemOf<C>, retryAfterMs?: number) {
    const { code, status, message, requestId }: Problem = problem;
    super(code, message);
    this.status = status;
    this.problem = problem;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }

  /** By its status, so that it holds for codes that came later, too: 429, 500 and 503 (contract §3). */
  override get retriable(): boolean {
    return isRetriable(this.status);
  }
}

/** A {@link JetonProblem} of any code: `code` narrows `problem`. */
export type AnyProblem = { [C in Code]: JetonProblem<C> }[Code];

/**
 * There was no answer, or only a part of one: code `unreachable`, or `timeout` when it took too long. What the network said is the
 * `cause`. Whether a change was made is not known: the same call under the same idempotency key tells, and never makes it twice.
 */
export class JetonUnreachable extends JetonError {
  declare readonly code: 'unreachable' | 'timeout';

  constructor(code: 'unreachable' | 'timeout', message: string, options?: ErrorOptions) {
    super(code, message, options);
  }

  override get retriable(): boolean {
    return true;
  }
}

/** An answer that is none of Jeton's: another server's page, a redirect, JSON that is none. Its code is `unexpected`. */
export class JetonUnexpected extends JetonError {
  declare readonly code: 'unexpected';
  /** The HTTP status; 0 where a browser hides it. */
  readonly status: number;
  /** How long the answer asks to wait, in milliseconds, if it does. */
  readonly retryAfterMs: number | undefined;
  readonly #retriable: boolean;

  constructor(message: string, status: number, options: { retriable?: boolean | undefined; retryAfterMs?: number | undefined } = {}) {
    super('unexpected', message);
    this.status = status;
    this.#retriable = options.retriable ?? isRetriable(status);
    this.retryAfterMs = options.retryAfterMs;
  }

  override get retriable(): boolean {
    return this.#retriable;
  }
}

/**
 * Whether `error` is a refusal, and of this code if one is given.
 *
 * @example
 * if (isProblem(error, 'insufficient_tokens')) show(error.problem.required, error.problem.available);
 */
export function isProblem(error: unknown): error is AnyProblem;
export function isProblem<C extends Code>(error: unknown, code: C): error is JetonProblem<C>;
export function isProblem(error: unknown, code?: Code): boolean {
  return error instanceof JetonProblem && (code === undefined || error.code === code);
}

/** Whether a status says that asking again may help: too many at once, or a failure on the other side. */
function isRetriable(status: number): boolean {
  return status === 429 || status >= 500;
}
