/**
 * The client of Jeton, a token ledger for AI products. {@link Jeton} has a method for each call; {@link isProblem} tells refusals apart.
 *
 * @packageDocumentation
 */

export { Jeton } from './jeton.js';
export type { JetonOptions } from './jeton.js';
export type { SubscribeOptions } from './events.js';
export { isProblem, JetonError, JetonProblem, JetonUnexpected, JetonUnreachable } from './problem.js';
export type { AnyProblem } from './problem.js';
export type { ModelPrice, PriceTable } from './prices.js';
export type { CallOptions, ChangeOptions } from './request.js';
export type { SessionSource } from './session.js';
export type * from './types.js';
export type { components, operations, paths } from './schema.js';
