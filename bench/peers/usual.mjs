// The usual module: the account is a JSON text that is read, changed and written back. Two requests of one user at the same time
// overwrite each other.

import { randomUUID } from "node:crypto";
import { createClient } from "redis";
import { ALLOWANCE, COSTS, LABELS, OPENING_BALANCE, billingDates } from "./business.mjs";
import { Refusal, serve } from "./server.mjs";

const redis = await createClient({ url: process.env.REDIS_URL }).connect();

function opened(userId, now) {
  const { next, last } = billingDates(now);
  return {
    memberId: userId,
    tokenBalance: OPENING_BALANCE,
    tokensUsed: 0,
    articlesGenerated: 0,
    productDescriptionsGenerated: 0,
    totalGenerations: 0,
    nextBillingDate: next,
    lastBillingDate: last,
    lastUpdated: now.toISOString(),
    createdAt: now.toISOString(),
  };
}

async function add(userId, transaction) {
  await redis.lPush(`transactions:${userId}`, JSON.stringify(transaction));
}

function entry(type, amount, description, now, more) {
  return { id: randomUUID(), type, amount, description, timestamp: now.toISOString(), ...more };
}

/** The account as it is now: opened if it is new, billed if that is due. */
async function load(userId, now) {
  const text = await redis.get(`stats:${userId}`);
  if (!text) {
    await add(userId, entry("CREDIT", OPENING_BALANCE, "Initialisation du compte", now));
    return opened(userId, now);
  }
  const stats = JSON.parse(text);
  while (now >= new Date(stats.nextBillingDate)) {
    stats.tokenBalance += ALLOWANCE;
    stats.lastBillingDate = stats.nextBillingDate;
    stats.nextBillingDate = billingDates(new Date(stats.nextBillingDate)).next;
    await add(userId, entry("CREDIT", ALLOWANCE, `Facturation mensuelle du ${stats.lastBillingDate}`, now));
    await save(userId, stats);
  }
  return stats;
}

async function save(userId, stats) {
  await redis.set(`stats:${userId}`, JSON.stringify(stats));
}

async function generate({ userId, contentType = "ARTICLE", tokenCost = COSTS[contentType] }) {
  const now = new Date();
  const stats = await load(userId, now);
  if (stats.tokenBalance < tokenCost) throw new Refusal(402, "insufficient_tokens");
  stats.tokenBalance -= tokenCost;
  stats.tokensUsed += tokenCost;
  stats.totalGenerations += 1;
  if (contentType === "ARTICLE") stats.articlesGenerated += 1;
  else stats.productDescriptionsGenerated += 1;
  stats.lastUpdated = now.toISOString();
  const transaction = entry("DEBIT", tokenCost, LABELS[contentType], now, { contentType, balance: stats.tokenBalance });
  await Promise.all([save(userId, stats), add(userId, transaction)]);
  return { success: true, message: `${tokenCost} tokens utilisés`, stats, transaction };
}

async function credit({ userId, amount }) {
  const now = new Date();
  const stats = await load(userId, now);
  stats.tokenBalance += amount;
  stats.lastUpdated = now.toISOString();
  const transaction = entry("CREDIT", amount, "Achat de tokens", now, { balance: stats.tokenBalance });
  await Promise.all([save(userId, stats), add(userId, transaction)]);
  return { success: true, message: `${amount} tokens ajoutés`, stats, transaction };
}

serve({
  "GET /api/stats": ({ userId }) => load(userId, new Date()),
  "POST /api/generations": generate,
  "POST /api/tokens": credit,
});
