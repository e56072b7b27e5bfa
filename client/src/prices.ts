/** What language models cost: `/prices.json`, the table `[models]` of the server's `plans.toml`. */

/** What one model costs: a user's tokens, whole numbers from 0 to 2^53 − 1, for `perModelTokens` of the model's own. */
export interface ModelPrice {
  /** Of what it is given and reads anew. */
  readonly input: number;
  /** Of what it is given and its provider reads from a cache; left out: as `input`. */
  readonly cachedInput?: number | undefined;
  /** Of what it is given and its provider writes into that cache; left out: as `input`. */
  readonly cacheWrite?: number | undefined;
  /** Of what it answers. */
  readonly output: number;
  /** Of what it thinks before it answers; left out: as `output`. */
  readonly reasoning?: number | undefined;
}

/** What models cost, by the names that their providers give them; `default` is every other one. */
export interface PriceTable {
  /** Of how many of a model's tokens each price is; left out: 1 000 000. */
  readonly perModelTokens?: number | undefined;
  readonly models: Readonly<Record<string, ModelPrice>>;
}
