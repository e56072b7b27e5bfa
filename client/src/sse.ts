/** Server-Sent Events as the HTML standard reads them (§9.2.6), and no more of them than that. */

/** An event of a stream. */
export interface StreamEvent {
  /** Its kind; `message` where it has no name. */
  event: string;
  /** The id that stands in the stream by then; empty while there was none. */
  id: string;
  data: string;
}

/** Makes events of bytes, wherever they are cut. */
export class EventReader {
  /** What an end was followed by: milliseconds until one is to come back, if the stream has said so. */
  retryMs: number | undefined;
  // It passes over a byte order mark at the beginning.
  readonly #decoder: TextDecoder = new TextDecoder();
  /** The beginning of a line whose end is still to come. */
  #rest: string[] = [];
  /** Whether the last character was a CR, so that an LF which comes next belongs to it. */
  #afterReturn = false;
  #id = '';
  #event = '';
  #data: string[] = [];

  /** The events that end with these bytes. */
  read(bytes: Uint8Array): StreamEvent[] {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return [];
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
    this.#afterReturn = text === '' ? false : text.endsWith('\r');
    const [first = '', ...lines] = text.split(/\r\n|\r|\n/);
    this.#rest.push(first);
    const events: StreamEvent[] = [];
    for (const next of lines) {
      const event = this.#line(this.#rest.join(''));
      if (event !== undefined) events.push(event);
      this.#rest = [next];
    }
    return events;
  }

  /** Takes a line. The empty one ends an event. */
  #line(line: string): StreamEvent | undefined {
    if (line === '') return this.#end();
    const colon = line.indexOf(':');
    const [field, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    if (field === 'data') this.#data.push(value);
    if (field === 'event') this.#event = value;
    if (field === 'id' && !value.includes('\0')) this.#id = value;
    if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  /** The event that the lines came to; none without data. */
  #end(): StreamEvent | undefined {
    const [event, data] = [this.#event, this.#data];
    this.#event = '';
    this.#data = [];
    return data.length === 0 ? undefined : { event: event || 'message', id: this.#id, data: data.join('\n') };
  }
}
