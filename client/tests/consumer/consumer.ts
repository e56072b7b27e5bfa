// What somebody writes who has installed the package. It is compiled there, and run.
import { isProblem, Jeton, JetonError } from 'jeton';
import type { Event, Stats, Transaction } from 'jeton';
import { getUserStats } from 'jeton/stats-service';
import * as react from 'jeton/react';

const jeton = new Jeton({ url: 'https://tokens.example', key: 'secret', retries: 0, fetch: async () => new Response('nothing', { status: 404 }) });

async function balance(userId: string): Promise<number> {
  const stats: Stats = await jeton.getStats({ userId });
  return stats.tokenBalance;
}

async function follow(userId: string, show: (event: Event) => void): Promise<void> {
  for await (const event of jeton.subscribe({ userId })) show(event);
}

async function total(userId: string): Promise<number> {
  const all: Transaction[] = [];
  for await (const transaction of jeton.transactions({ userId })) all.push(transaction);
  const stream: ReadableStream<Uint8Array> = await jeton.exportTransactions({ userId, format: 'csv' });
  await stream.cancel();
  return all.reduce((sum, { amount }) => sum + amount, 0);
}

export { follow, total };

try {
  await balance('alice');
} catch (error) {
  const code: string = isProblem(error) ? error.code : error instanceof JetonError ? error.code : 'another';
  const loaded = [typeof getUserStats, typeof react].join();
  console.log(`${code} ${loaded}`);
}
