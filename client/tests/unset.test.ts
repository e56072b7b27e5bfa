/** A server that lacks a setting. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isProblem } from 'jeton';
import { client, failure, somebody, url } from './deployment.js';
import { Line } from './line.js';
import { pauses } from './pauses.js';

test('internal may be tried again, and says nothing of the inside', async context => {
  pauses(context);
  const line = await Line.to(url);
  const error = await failure(client({ url: line.url, retries: 2 }).createSession({ userId: somebody() }));
  assert.ok(isProblem(error, 'internal'), inspect(error));
  assert.deepEqual([error.status, error.retriable], [500, true]);
  assert.doesNotMatch(JSON.stringify(error.problem), /JETON/);
  assert.equal(line.keys.length, 3);
  line.close();
});
