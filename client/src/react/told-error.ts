/** Errors on their way from one tab to another: what is copied between tabs loses its class. */

import { JetonError, JetonProblem, JetonUnexpected, JetonUnreachable } from '../problem.js';
import type { Problem } from '../types.js';

/** An error as plain data. */
export type ToldError =
  | { kind: 'problem'; problem: Problem; retryAfterMs?: number }
  | { kind: 'unreachable'; code: 'unreachable' | 'timeout'; message: string }
  | { kind: 'unexpected'; message: string; status: number; retriable: boolean }
  | { kind: 'other'; code: string; message: string };

/** The error as data. Its cause stays behind: it is anything, and may not be copied. */
export function toldOf(error: JetonError): ToldError {
  const { code, message } = error;
  if (error instanceof JetonProblem) {
    return { kind: 'problem', problem: error.problem, ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }) };
  }
  if (error instanceof JetonUnreachable) return { kind: 'unreachable', code: error.code, message };
  if (error instanceof JetonUnexpected) return { kind: 'unexpected', message, status: error.status, retriable: error.retriable };
  return { kind: 'other', code, message };
}

/** The error again. */
export function errorOf(told: ToldError): JetonError {
  switch (told.kind) {
    case 'problem': return new JetonProblem(told.problem, told.retryAfterMs);
    case 'unreachable': return new JetonUnreachable(told.code, told.message);
    case 'unexpected': return new JetonUnexpected(told.message, told.status, { retriable: told.retriable });
    case 'other': return new JetonError(told.code, told.message);
  }
}
