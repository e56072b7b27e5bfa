/** What a component waits for that suspends. */

/**
 * A promise that something is there. Once it is, the promise says so by `status`, where React looks before it waits: so nobody waits
 * for what there is.
 */
export class Readiness {
  readonly promise: Promise<void> & { status?: 'fulfilled'; value?: undefined };
  #resolve: () => void = () => undefined;

  constructor() {
    this.promise = new Promise<void>(resolve => { this.#resolve = resolve; });
  }

  /** Whether it is there. */
  get isReady(): boolean {
    return this.promise.status === 'fulfilled';
  }

  /** It is there. */
  settle(): void {
    this.promise.status = 'fulfilled';
    this.#resolve();
  }
}
