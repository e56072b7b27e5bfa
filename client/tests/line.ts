/** A line to the server that breaks where it is told to: bytes over TCP, with nothing of HTTP in between but where a request begins. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/**
 * What becomes of a request: it passes; it is lost on the way there (`unsent`); it gets there, and the line breaks at once (`sent`), when the
 * answer begins (`unanswered`), or in the middle of the answer (`halved`); or it gets there, and nothing comes back (`silent`).
 */
export type Fate = 'passes' | 'unsent' | 'sent' | 'unanswered' | 'halved' | 'silent';

/** What decides about a request: by its first bytes, and by how many there were with the same idempotency key before. */
export type Plan = (request: { head: string; key: string; attempt: number }) => Fate;

/** A line to the server at an address. */
export class Line {
  /** The idempotency keys of all requests, in their order; empty for those without one. */
  readonly keys: string[] = [];
  /** How many connections with a request on them are closed by now. (Node opens one to spare when another breaks.) */
  closed = 0;
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  /** What becomes of requests from now on. */
  plan: Plan;
  #watchers: (() => void)[] = [];

  /** A line that is open. */
  static async to(target: string, plan: Plan = () => 'passes'): Promise<Line> {
    const line = new Line(new URL(target), plan);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  private constructor(target: URL, plan: Plan) {
    this.#target = target;
    this.plan = plan;
    this.#server = createServer(socket => this.#connect(socket));
  }

  /** Its near end. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits until something is so, looking after each thing that happens. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>(resolve => this.#watchers.push(resolve));
  }

  /** Breaks all connections as they are. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** From now on nothing comes back over the connections that there are, and they don't break. */
  silence(): void {
    for (const socket of this.#sockets) socket.emit('silence');
  }

  /** Ends it. */
  close(): void {
    this.#server.close();
    this.cut();
  }

  #happened(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }

  #connect(near: Socket): void {
    const far = connect(Number(this.#target.port), this.#target.hostname);
    let fate: Fate = 'passes';
    this.#sockets.add(near);
    near.on('silence', () => { fate = 'silent'; });
    near.on('data', bytes => {
      const head = bytes.toString('latin1');
      if (/^(GET|POST|PATCH) /.test(head)) fate = this.#fate(head);
      if (fate === 'unsent') near.resetAndDestroy();
      else far.write(bytes, () => { if (fate === 'sent') near.resetAndDestroy(); });
      this.#happened();
    });
    far.on('data', bytes => {
      if (fate === 'passes') near.write(bytes);
      if (fate === 'halved') near.write(bytes.subarray(0, bytes.length / 2), () => near.resetAndDestroy());
      if (fate === 'unanswered') near.resetAndDestroy();
      this.#happened();
    });
    near.on('close', () => {
      this.#sockets.delete(near);
      if (near.bytesRead > 0) this.closed += 1;
      // What was sent over a silent line gets there, also when it was given up.
      if (fate !== 'silent') far.destroy();
      this.#happened();
    });
    far.on('end', () => { if (fate !== 'silent') near.end(); });
    far.on('close', () => { if (fate !== 'silent') near.destroy(); });
    // What breaks is closed, and that is what is looked at.
    near.on('error', () => undefined);
    far.on('error', () => near.resetAndDestroy());
  }

  #fate(head: string): Fate {
    const key = /^idempotency-key: (.*)\r$/m.exec(head)?.[1] ?? '';
    const attempt = this.keys.filter(known => known === key).length;
    this.keys.push(key);
    return this.plan({ head, key, attempt });
  }
}
