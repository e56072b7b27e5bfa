// The site that a page comes from, and the way from its browser to Jeton.

import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const { build } = createRequire(import.meta.url)('esbuild');

/** Bundles a page, for the browser or for the server, with what is built of the package. */
async function bundled(entry, options) {
  const common = { bundle: true, write: false, format: 'esm', jsx: 'automatic', target: 'es2022', logLevel: 'error', absWorkingDir: here };
  const { outputFiles: [file] } = await build({ ...common, entryPoints: [entry], ...options });
  return file.text;
}

/** A web site with sessions. Its server knows the secret of a service key. */
export class Site {
  /** Opens it on this port, before the Jeton at `jeton`. */
  static async open(port, jeton) {
    const site = new Site(jeton);
    site.script = await bundled('page.tsx', { define: { 'process.env.NODE_ENV': '"development"' } });
    site.server = http.createServer((request, response) => {
      site.answer(request, response).catch(error => {
        console.log(`failed: the site: ${error.stack}`);
        response.destroy();
      });
    });
    site.server.listen(port, '127.0.0.1');
    await once(site.server, 'listening');
    site.url = `http://127.0.0.1:${port}`;
    return site;
  }

  constructor(jeton) {
    // `sessions`: for whom they were asked. `refusing`: whether they are refused. `token`: what is given instead. `signedIn`: who is,
    // whatever the page says. `render`: how the page is rendered here, if it is.
    Object.assign(this, { jeton, sessions: [], refusing: false, token: null, signedIn: null, render: null });
  }

  async answer(request, response) {
    const url = new URL(request.url, this.url);
    switch (url.pathname) {
      case '/session': {
        const user = this.signedIn ?? url.searchParams.get('user');
        this.sessions.push(user);
        if (this.token !== null) return void response.end(this.token);
        if (this.refusing) return void response.writeHead(401).end();
        const { token } = await this.jeton.post('sessions', { userId: user, ttlSeconds: Number(url.searchParams.get('ttl')) });
        return void response.end(token);
      }
      case '/page.js':
        return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(this.script);
      case '/elsewhere':
        return void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Elsewhere</title>');
      case '/favicon.ico':
        return void response.writeHead(204).end();
      default: {
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
        const language = url.searchParams.get('document') ?? 'fr';
        response.write(`<!doctype html><html lang="${language}"><meta charset="utf-8"><title>Jeton</title><body>`);
        if (this.render === null) response.write('<div id="root"></div>');
        else await this.render(url.searchParams, response);
        response.end('<script type="module" src="/page.js"></script>');
      }
    }
  }

  /** How pages are rendered here. */
  async renderer() {
    // Node finds packages from where the file is.
    const file = path.join(here, `../../build/server-${process.pid}.mjs`);
    await writeFile(file, await bundled('server.tsx', { platform: 'node', packages: 'external' }));
    return import(pathToFileURL(file).href).finally(() => rm(file));
  }
}

/** The way to a Jeton: it counts the streams that are open, and breaks when it is told to. */
export class Way {
  /** Opens a way to the server at `to`. */
  static async open(to) {
    const way = new Way(to);
    await way.mend();
    return way;
  }

  constructor(to) {
    // `streams`: those that are open. `opened`: how many there ever were. `calls`: all else, but for what the browser asks by itself.
    // `heard`: told when a stream begins or ends.
    Object.assign(this, { to, port: 0, server: null, sockets: new Set(), streams: new Set(), opened: 0, calls: [], heard: () => {} });
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** It leads to the server again. */
  async mend() {
    this.server = http.createServer((request, response) => this.pass(request, response));
    this.server.on('connection', socket => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
  }

  /** It breaks, and whoever calls is refused. */
  cut() {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  /** Nothing comes over the streams that are open any more, and nobody is told. */
  fallSilent() {
    for (const stream of this.streams) stream.silent = true;
  }

  /** Resolves when it is so, which may take so many milliseconds: less than a stream lasts, whose end would help. */
  async until(isSo, patience = 30_000) {
    const late = setTimeout(() => { this.heard(); }, patience);
    const begun = Date.now();
    while (!isSo()) {
      if (Date.now() - begun >= patience) throw new Error(`${isSo}: there are ${this.streams.size} streams, of ${this.opened}`);
      await new Promise(resolve => { this.heard = resolve; });
    }
    clearTimeout(late);
  }

  pass(request, response) {
    const { method, headers, url } = request;
    const path = url.split('?')[0];
    const stream = { silent: false };
    const isStream = method === 'GET' && path === '/api/events';
    if (!isStream && method !== 'OPTIONS') this.calls.push(`${method} ${path}`);
    const onward = http.request(new URL(url, this.to), { method, headers, agent: false }, answer => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      if (isStream && answer.statusCode === 200) this.count(stream, response);
      answer.on('data', bytes => stream.silent || response.write(bytes));
      answer.on('end', () => stream.silent || response.end());
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }

  count(stream, response) {
    this.opened += 1;
    this.streams.add(stream);
    this.heard();
    response.on('close', () => {
      this.streams.delete(stream);
      this.heard();
    });
  }
}
