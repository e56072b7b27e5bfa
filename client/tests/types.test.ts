/** What the types say. The compiler checks it: a file that does not hold does not build. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { isProblem, Jeton } from 'jeton';
import type { Code, Event, JetonProblem, Problem, Reservation, Stats, Transaction, UpdateAccountInput } from 'jeton';
import type { StatsResult } from 'jeton/stats-service';

/** Compiles only where the value has exactly this type. */
function is<Wanted>() {
  return <Given>(_: Given, ..._same: [Given] extends [Wanted] ? [Wanted] extends [Given] ? [] : [never] : [never]): void => undefined;
}

/** Never called. */
export async function narrowing(jeton: Jeton, error: unknown, events: AsyncIterable<Event>): Promise<void> {
  // Refusals by code, in both ways.
  if (isProblem(error, 'insufficient_tokens')) {
    is<number>()(error.problem.required);
    is<Stats>()(error.problem.stats);
    is<'insufficient_tokens'>()(error.code);
    // @ts-expect-error: another code has it.
    error.problem.resetsAt;
  }
  if (isProblem(error)) {
    // @ts-expect-error: not all have it.
    error.problem.required;
    switch (error.code) {
      case 'spending_cap_reached': is<'daily' | 'monthly'>()(error.problem.cap); break;
      case 'invalid_field': is<string>()(error.problem.field); break;
      case 'forbidden': is<'read' | 'spend' | 'credit' | 'admin' | 'cron'>()(error.problem.requiredScope); break;
      default: is<string>()(error.problem.requestId);
    }
    // @ts-expect-error: no refusal has this code.
    if (error.code === 'insufficient_funds') return;
  }
  const general: JetonProblem | undefined = isProblem(error) ? error : undefined;
  is<Problem | undefined>()(general?.problem);
  is<Code | undefined>()(general?.code);
  // @ts-expect-error: nor can it be asked for.
  isProblem(error, 'insufficient_funds');

  // Events by their kind.
  for await (const event of events) {
    if (event.event === 'stats') is<Stats>()(event.data);
    else if (event.event === 'transaction') is<Transaction>()(event.data);
    else is<null>()(event.id);
  }

  // What a change brings: with an entry, with a reservation.
  is<Transaction>()((await jeton.recordGeneration({ userId: 'alice' })).transaction);
  is<Reservation>()((await jeton.capture({ userId: 'alice', reservationId: 'res_1', amount: 2, final: false })).reservation);
  is<Transaction | undefined>()((await jeton.capture({ userId: 'alice', reservationId: 'res_1' })).transaction);

  // What is done with a reservation takes what belongs to it alone.
  // @ts-expect-error: a release takes no amount.
  await jeton.release({ userId: 'alice', reservationId: 'res_1', amount: 2 });
  // @ts-expect-error: a capture has no time.
  await jeton.capture({ userId: 'alice', reservationId: 'res_1', ttlSeconds: 2 });
  // @ts-expect-error: an extension has no end.
  await jeton.extend({ userId: 'alice', reservationId: 'res_1', final: true });
  // @ts-expect-error: the method says what is done.
  await jeton.capture({ userId: 'alice', reservationId: 'res_1', action: 'release' });

  // What cannot be left out, and what may be undefined.
  // @ts-expect-error: whose?
  await jeton.recordGeneration({ contentType: 'ARTICLE' });
  // @ts-expect-error: no such content type.
  await jeton.recordGeneration({ userId: 'alice', contentType: 'POEM' });
  await jeton.recordGeneration({ userId: 'alice', contentType: undefined, tokenCost: undefined, description: undefined, metadata: undefined });
  await jeton.listTransactions({ userId: undefined, from: new Date(), to: '2099-01-01T00:00:00Z', limit: undefined });
  // @ts-expect-error: the walk has a cursor of its own.
  jeton.transactions({ cursor: '1-0' });
  // @ts-expect-error: an export has one of two formats.
  await jeton.exportTransactions({ userId: 'alice', format: 'xlsx' });
  // @ts-expect-error: only a change has a key.
  await jeton.getStats({ userId: 'alice' }, { idempotencyKey: 'a' });

  // @ts-expect-error: nothing to change.
  const nothing: UpdateAccountInput = { userId: 'alice' };
  const caps: UpdateAccountInput = { userId: 'alice', caps: { daily: null, monthly: 10 }, effective: 'nextPeriod' };
  await jeton.updateAccount(caps).then(() => nothing);

  // The old results have the account either way.
  const old = (result: StatsResult): Stats => result.stats;
  is<(result: StatsResult) => Stats>()(old);
}

test('the types are those of the OpenAPI document', async () => {
  const { stdout } = await promisify(execFile)('node_modules/.bin/openapi-typescript', ['../public/openapi.json', '--default-non-nullable', 'false']);
  assert.equal(await readFile('src/schema.ts', 'utf8'), stdout, 'renew them: npm run generate, in client/');
});
