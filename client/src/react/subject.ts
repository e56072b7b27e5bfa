/** Whose a user token is. */

import { claimsOf } from '../session.js';

/**
 * The `sub` of a JWT; undefined for what is none. It is not verified: it says which tabs share a stream, and never what may be
 * read, which the server decides.
 */
export function subjectOf(token: string): string | undefined {
  const { sub } = claimsOf(token);
  return typeof sub === 'string' && sub !== '' ? sub : undefined;
}
