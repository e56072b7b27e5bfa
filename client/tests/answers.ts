/** A server that answers as it is told, for what Jeton itself never says. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that answers each request by `answer`. It says where it is, and how many it got. */
export class Answers {
  requests: IncomingMessage[] = [];
  readonly #server;

  static async by(answer: (response: ServerResponse, request: IncomingMessage, attempt: number) => void): Promise<Answers> {
    const answers = new Answers(answer);
    answers.#server.listen(0, '127.0.0.1');
    await once(answers.#server, 'listening');
    return answers;
  }

  private constructor(answer: (response: ServerResponse, request: IncomingMessage, attempt: number) => void) {
    this.#server = createServer((request, response) => {
      this.requests.push(request);
      answer(response, request, this.requests.length);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits until the connection of this request, counted from 0, is closed. */
  async closed(request: number): Promise<void> {
    const socket = this.requests[request]?.socket;
    if (socket !== undefined && !socket.closed) await once(socket, 'close');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A refusal as Jeton words it. */
export function refuse(response: ServerResponse, status: number, code: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
  response.end(JSON.stringify({
    type: `urn:jeton:problem:${code}`, title: code, status, detail: code, code, success: false, message: `about ${code}`, requestId: 'abc',
  }));
}
