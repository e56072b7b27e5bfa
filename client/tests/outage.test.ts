/** The other side is away for a while. The test run takes it away, and brings it back, when it is told to. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { JetonError } from 'jeton';
import { getTransactionHistory, getUserStats, recordArticleGeneration } from 'jeton/stats-service';
import { client, debitsOf, failure, say, setting, spender, url } from './deployment.js';
import { Follower } from './follower.js';
import { Line } from './line.js';
import { pauses } from './pauses.js';

/** The code of what is thrown meanwhile. */
const AWAY = setting('AWAY');

async function away(promise: Promise<unknown>): Promise<JetonError> {
  const error = await failure(promise);
  assert.ok(error instanceof JetonError && error.code === AWAY, inspect(error));
  return error;
}

test('what is under way gets through once, and who follows misses nothing', async context => {
  pauses(context);
  const userId = await spender(3);
  const line = await Line.to(url);
  // No pause is waited for here: any number of attempts may be over before the server is back.
  const jeton = client({ url: line.url, retries: Infinity });
  const follower = new Follower(client(), userId);
  await follower.caughtUp(userId);

  say('stop it');
  for (const impatient = client({ retries: 0 }); await impatient.getHealth().then(() => true, () => false););
  const seen = line.keys.length;
  const debit = jeton.recordGeneration({ userId, tokenCost: 2 });
  const read = jeton.getStats({ userId });
  const [error] = await Promise.all([
    away(client({ retries: 1 }).recordGeneration({ userId }, { idempotencyKey: 'meanwhile' })),
    // No invented balance, no empty history, no `success: false`: what the old functions say is that they cannot know.
    away(getUserStats(userId)),
    away(getTransactionHistory(userId)),
    away(recordArticleGeneration(userId)),
    follower.until(() => follower.said.includes(`lost: ${AWAY}`)),
  ]);
  assert.equal(error.retriable, true);
  await line.until(() => line.keys.length >= seen + 6);
  say('start it');
  const { transaction } = await debit;
  assert.equal(transaction.amount, 2);
  assert.ok([4995, 4997].includes((await read).tokenBalance));
  // What was given up can be asked for again under its key. (What the old function gave up has no key that anybody knows.)
  await jeton.recordGeneration({ userId }, { idempotencyKey: 'meanwhile' });
  assert.deepEqual((await debitsOf(userId)).map(({ amount }) => amount).sort(), [1, 1, 1, 2, 3]);
  await follower.toldAllOf(userId);
  assert.equal(follower.said.at(-1), 'live');
  line.close();
});
