/** What a use of a model costs. */

import type { Jeton } from '../jeton.js';
import type { ModelPrice, PriceTable } from '../prices.js';
import { JetonError } from '../problem.js';
import type { ModelName, ModelUsage } from './model.js';
import type { SpendTokensOptions } from './options.js';

/** The cost in tokens; undefined when the model has not said what it used. */
export type Pricing = (usage: ModelUsage) => Promise<number | undefined>;

/** How long a deployment's prices are kept, in milliseconds. */
const KEPT_MS = 300_000;
const PER_MODEL_TOKENS = 1_000_000;

/** The price of a model, by what was given or else by the deployment's table. It stays the same for the whole call. */
export async function pricing(options: SpendTokensOptions, { modelId }: ModelName): Promise<Pricing> {
  const { jeton, price } = options;
  if (typeof price === 'function') return async usage => tokens('price', await price(usage, modelId));
  const table = price ?? await published(jeton);
  const { models, perModelTokens = PER_MODEL_TOKENS } = table;
  const name = [modelId, 'default'].find(known => Object.hasOwn(models, known));
  const found = name === undefined ? undefined : models[name];
  if (found === undefined) {
    throw new JetonError(
      'model_without_price',
      `There is no price for the model "${modelId}": give plans.toml a table [models."${modelId}"] or [models.default], or spendTokens a \`price\`.`,
    );
  }
  const per = whole('perModelTokens', perModelTokens, 1);
  const prices = written(found);
  return async usage => {
    const used = counted(usage);
    return used && sum(used, prices, per);
  };
}

/** Whether a model has said anything of what it used. */
export function isKnown(usage: ModelUsage): boolean {
  return counted(usage) !== undefined;
}

/**
 * A number of tokens that a function of the caller's gives, rounded up.
 *
 * @throws JetonError `invalid_argument` when it is none.
 */
export function tokens(of: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return Math.min(Math.ceil(value), Number.MAX_SAFE_INTEGER);
  throw new JetonError('invalid_argument', `\`${of}\` says ${value}, which is no number of tokens.`);
}

/** The deployments' tables, by client. What failed is not kept; what is old serves as long as there is nothing newer. */
const kept = new WeakMap<Jeton, { table: Promise<PriceTable>; until: number }>();

async function published(jeton: Jeton): Promise<PriceTable> {
  const known = kept.get(jeton);
  if (known !== undefined && Date.now() < known.until) return known.table;
  const fetched = jeton.getPrices();
  const table = known === undefined ? fetched : fetched.catch(() => known.table);
  kept.set(jeton, { table, until: Date.now() + KEPT_MS });
  try {
    return await table;
  } catch (error) {
    if (kept.get(jeton)?.table === table) kept.delete(jeton);
    throw error;
  }
}

/** How much was used of what is priced apart. */
type Kinds<Value> = Record<'input' | 'cachedInput' | 'cacheWrite' | 'output' | 'reasoning', Value>;

/**
 * What was used, by kinds; undefined when nothing is known. What a total has beyond its known parts is of the ordinary kind, and parts count
 * where there is no total. A model that fails may leave out what its type says it has.
 */
function counted(usage: Partial<ModelUsage> | undefined): Kinds<number> | undefined {
  const { inputTokens, outputTokens } = usage ?? {};
  const all = { input: inputTokens?.total, fresh: inputTokens?.noCache, read: inputTokens?.cacheRead, write: inputTokens?.cacheWrite,
    output: outputTokens?.total, text: outputTokens?.text, reasoning: outputTokens?.reasoning };
  if (!Object.values(all).some(isCount)) return undefined;
  const [cachedInput, cacheWrite, reasoning] = [count(all.read), count(all.write), count(all.reasoning)];
  return {
    input: Math.max(count(all.fresh), count(all.input) - cachedInput - cacheWrite),
    cachedInput,
    cacheWrite,
    output: Math.max(count(all.text), count(all.output) - reasoning),
    reasoning,
  };
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0;
}

function count(value: number | undefined): number {
  return isCount(value) ? Math.ceil(value) : 0;
}

/** All prices of a model. */
function written({ input, cachedInput = input, cacheWrite = input, output, reasoning = output }: ModelPrice): Kinds<bigint> {
  return {
    input: whole('input', input),
    cachedInput: whole('cachedInput', cachedInput),
    cacheWrite: whole('cacheWrite', cacheWrite),
    output: whole('output', output),
    reasoning: whole('reasoning', reasoning),
  };
}

function whole(name: string, value: number, min = 0): bigint {
  if (Number.isSafeInteger(value) && value >= min) return BigInt(value);
  throw new JetonError('invalid_argument', `\`${name}\` of the prices is ${value}: it is a whole number from ${min} to 2^53 − 1.`);
}

/** The exact sum, rounded up once. */
function sum(used: Kinds<number>, prices: Kinds<bigint>, per: bigint): number {
  const exact = BigInt(used.input) * prices.input + BigInt(used.cachedInput) * prices.cachedInput
    + BigInt(used.cacheWrite) * prices.cacheWrite + BigInt(used.output) * prices.output + BigInt(used.reasoning) * prices.reasoning;
  return Math.min(Number((exact + per - 1n) / per), Number.MAX_SAFE_INTEGER);
}
