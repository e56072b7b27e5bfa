// The careful module: the rules are in Lua, so that each change is one atomic step. `careful.mjs json` keeps the account as a JSON
// text, `careful.mjs hash` in the fields of a hash.

import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createClient } from "redis";
import { COSTS, LABELS, OPENING_BALANCE, ALLOWANCE, billingDates } from "./business.mjs";
import { Refusal, serve } from "./server.mjs";

const shape = process.argv[2];
const redis = await createClient({ url: process.env.REDIS_URL }).connect();

/** A script: how accounts are kept, what every change begins with, and the change. */
function script(name) {
  const parts = [`${shape}.lua`, "account.lua", `${name}.lua`];
  const text = parts.map((part) => readFileSync(new URL(`careful/${part}`, import.meta.url), "utf8")).join("\n");
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

const [stats, debit, credit, reserve, capture] = ["stats", "debit", "credit", "reserve", "capture"].map(script);

const REFUSED = { insufficient_tokens: 402, reservation_not_found: 404, reservation_expired: 409 };

/** Runs a script on the account of a user: what it answers, or its refusal. */
async function run({ sha, text }, userId, key, ...values) {
  const now = new Date();
  const { next, last } = billingDates(now);
  const keys = [`account:{${userId}}`, `history:{${userId}}`, `once:{${userId}}:${key ?? ""}`];
  const fixed = [userId, now.toISOString(), String(now.getTime()), next, last, String(OPENING_BALANCE), String(ALLOWANCE), key ?? ""];
  const options = { keys, arguments: [...fixed, ...values.map(String)] };
  let reply;
  try {
    reply = await redis.evalSha(sha, options);
  } catch (error) {
    if (!error.message.startsWith("NOSCRIPT")) throw error;
    reply = await redis.eval(text, options);
  }
  const answer = JSON.parse(reply);
  if (answer.refused) throw new Refusal(REFUSED[answer.refused], answer.refused);
  return answer;
}

serve({
  "GET /api/stats": async ({ userId }) => (await run(stats, userId)).stats,
  "POST /api/generations": async ({ userId, contentType = "ARTICLE", tokenCost = COSTS[contentType] }, key) => {
    const answer = await run(debit, userId, key, tokenCost, contentType, LABELS[contentType]);
    return { success: true, message: `${tokenCost} tokens utilisés`, ...answer };
  },
  "POST /api/tokens": async ({ userId, amount }, key) => {
    const answer = await run(credit, userId, key, amount, "Achat de tokens");
    return { success: true, message: `${amount} tokens ajoutés`, ...answer };
  },
  "POST /api/reservations": async ({ userId, amount, ttlSeconds = 300 }, key) => {
    const answer = await run(reserve, userId, key, `res_${randomUUID()}`, amount, ttlSeconds * 1000);
    return { success: true, message: `${amount} tokens réservés`, ...answer };
  },
  "PATCH /api/reservations": async ({ userId, reservationId, action, amount }, key) => {
    if (action !== "capture") throw new Refusal(400, "invalid_field");
    const answer = await run(capture, userId, key, reservationId, amount, "Utilisation de tokens");
    return { success: true, message: `${amount} tokens utilisés`, ...answer };
  },
});
