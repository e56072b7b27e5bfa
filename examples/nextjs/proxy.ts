// What the page may load and whom it may call: this site and Jeton, and nobody else. Next.js gives the nonce to its own scripts.
import { NextResponse, type NextRequest } from 'next/server';
import { setting } from './app/lib/settings';

export function proxy(request: NextRequest): NextResponse {
  const nonce = crypto.randomUUID();
  const policy = contentSecurityPolicy(nonce, new URL(setting('JETON_URL')).origin);
  const headers = new Headers(request.headers);
  headers.set('Content-Security-Policy', policy);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', policy);
  return response;
}

/** Everything but files that never change. */
export const config = { matcher: '/((?!_next/static|icon.svg).*)' };

function contentSecurityPolicy(nonce: string, jeton: string): string {
  // React takes server errors apart with `eval` in development, and Next.js puts styles into the page.
  const development = process.env.NODE_ENV === 'development';
  return [
    `default-src 'self'`,
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development ? ` 'unsafe-eval'` : ''}`,
    `style-src 'self' ${development ? `'unsafe-inline'` : `'nonce-${nonce}'`}`,
    `connect-src 'self' ${jeton}`,
    `img-src 'self' data:`,
    `object-src 'none'`,
    `base-uri 'none'`,
    `form-action 'self'`,
    `frame-ancestors 'none'`,
  ].join('; ');
}
