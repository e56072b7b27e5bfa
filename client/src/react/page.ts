/** What happens to the page that an account is shown in. */

/** Who is told of it. */
export interface PageListener {
  /** It is frozen, or kept aside for the way back, or left: nothing of it runs from now on, and nothing may be held. */
  gone(): void;
  /** It goes on. */
  back(): void;
  /** Somebody looks at it again, or nobody any more. */
  seen(visible: boolean): void;
  /** The browser says that the way out has changed. */
  network(): void;
}

/** Listens. The answer ends that. */
export function watchPage(listener: PageListener): () => void {
  const watching = new AbortController();
  const { signal } = watching;
  addEventListener('pagehide', () => listener.gone(), { signal });
  addEventListener('pageshow', event => { if (event.persisted) listener.back(); }, { signal });
  document.addEventListener('freeze', () => listener.gone(), { signal });
  document.addEventListener('resume', () => listener.back(), { signal });
  document.addEventListener('visibilitychange', () => listener.seen(!document.hidden), { signal });
  addEventListener('online', () => listener.network(), { signal });
  addEventListener('offline', () => listener.network(), { signal });
  return () => watching.abort();
}
