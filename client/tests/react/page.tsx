/** The page in the browser: rendered there, or taken over from the server. */

import { createRoot, hydrateRoot } from 'react-dom/client';
import type { Initial } from 'jeton/react';
import { App, optionsOf } from './app.js';

declare global {
  interface Window {
    /** What the server has read, if it rendered the page. */
    initial?: Initial | Promise<Initial>;
    rendered?: boolean;
    /** What React made good by itself. */
    recovered?: string[];
  }
}

const place = document.getElementById('root');
if (place === null) throw new Error('no root');
const app = <App options={optionsOf(new URLSearchParams(location.search))} initial={window.initial}/>;
if (window.rendered) {
  hydrateRoot(place, app, { onRecoverableError: error => (window.recovered ??= []).push(digestOf(error)) });
} else {
  createRoot(place).render(app);
}

function digestOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'digest' in error ? String(error.digest) : String(error);
}
