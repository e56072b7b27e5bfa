/** A process that is killed in the middle of an answer: nobody says anything, and the tokens come back by themselves. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Stats } from 'jeton';
import { account, until, userWith } from './support.js';

/** A process that streams to this user. */
function streaming(...args: string[]) {
  const file = fileURLToPath(new URL('streaming.js', import.meta.url));
  return spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('the reservation of a killed process ends by itself, and not while it lives', async () => {
  const userId = await userWith(100);
  const child = streaming(userId);
  const ended = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    const ends = ({ forecast: { next } }: Stats): string => next.find(({ what }) => what === 'reservation')?.at ?? '';
    const first = ends(await until(userId, ({ tokensReserved }) => tokensReserved === 10));
    // It is extended, so it would go on for as long as the process does.
    const extended = await until(userId, stats => ends(stats) > first);
    assert.deepEqual([extended.tokenBalance, extended.tokensReserved], [90, 10]);
  } finally {
    child.kill('SIGKILL');
  }
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  await until(userId, ({ tokensReserved }) => tokensReserved === 0);
  assert.deepEqual(await account(userId), { balance: 100, reserved: 0, debits: [], entries: [] });
});

test('a reservation keeps no process alive', async () => {
  const userId = await userWith(100);
  const child = streaming(userId, 'leave');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.equal((await account(userId)).reserved, 10);
});
