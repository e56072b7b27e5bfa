// A line between the browser and the server, which breaks when it is told to.

import { once } from 'node:events';
import net from 'node:net';

export class Line {
  /** A line to the server at `url`. */
  static async to(url) {
    const line = new Line(new URL(url).port);
    await line.mend();
    return line;
  }

  constructor(server) {
    Object.assign(this, { server, port: 0, listener: null, ends: new Set() });
  }

  /** Where it begins. */
  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** It breaks, and whoever calls is refused. */
  cut() {
    this.listener.close();
    for (const end of this.ends) end.destroy();
  }

  /** It leads to the server again. */
  async mend() {
    this.listener = net.createServer(caller => this.connect(caller)).listen(this.port, '127.0.0.1');
    await once(this.listener, 'listening');
    this.port = this.listener.address().port;
  }

  /** Nothing comes through any more over the connections that are open, and neither end is told. New ones are as ever. */
  fallSilent() {
    for (const end of this.ends) end.unpipe().pause();
  }

  connect(caller) {
    const server = net.connect(this.server, '127.0.0.1');
    for (const [end, other] of [[caller, server], [server, caller]]) {
      this.ends.add(end);
      end.pipe(other);
      // It ends for both, however it ends for one.
      end.on('error', () => {});
      end.on('close', () => {
        this.ends.delete(end);
        other.destroy();
      });
    }
  }
}
