/** The page on the server. */

import { PassThrough } from 'node:stream';
import { renderToPipeableStream, renderToString } from 'react-dom/server';
import type { Initial } from 'jeton/react';
import { App, optionsOf } from './app.js';

/** The whole page at once. */
export function whole(query: URLSearchParams, initial: Initial | undefined): string {
  return renderToString(<App options={optionsOf(query)} initial={initial}/>);
}

/** The page piece by piece; `failed` is told of what React leaves to the browser. */
export function streamed(
  query: URLSearchParams,
  initial: Initial | Promise<Initial> | undefined,
  failed: (error: unknown) => string | undefined,
): Promise<PassThrough> {
  return new Promise((resolve, reject) => {
    const out = new PassThrough();
    const { pipe } = renderToPipeableStream(<App options={optionsOf(query)} initial={initial}/>, {
      onShellReady: () => resolve(pipe(out)),
      onShellError: reject,
      onError: failed,
    });
  });
}
