// Who is signed in: a cookie that this server has signed. An example: anybody can sign in under any name, without a password.
// In an application of your own this file asks your sign-in (Auth.js, Clerk, …), and nothing else changes.
import 'server-only';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { cookies, headers } from 'next/headers';
import { setting } from './settings';

const COOKIE = 'user';
const SIGNED_IN_SECONDS = 24 * 60 * 60;

/** What Jeton takes as the id of a user. */
const USER_ID = /^[A-Za-z0-9._:@|+~-]{1,128}$/;

/** The user whom a request's cookie names, or `undefined` when nobody is signed in. */
export async function signedInUser(): Promise<string | undefined> {
  const [user, expires, signature] = (await cookies()).get(COOKIE)?.value.split('/') ?? [];
  if (user === undefined || expires === undefined || signature === undefined) return undefined;
  const [expected, given] = [sign(user, expires), Buffer.from(signature, 'base64url')];
  const signed = expected.length === given.length && timingSafeEqual(expected, given);
  return signed && Date.now() < Number(expires) ? user : undefined;
}

/** Signs a user in, in this browser, for a day. `false`: there cannot be a user of this name. */
export async function signIn(user: string): Promise<boolean> {
  if (!USER_ID.test(user)) return false;
  const expires = String(Date.now() + SIGNED_IN_SECONDS * 1000);
  const value = [user, expires, sign(user, expires).toString('base64url')].join('/');
  (await cookies()).set(COOKIE, value, {
    httpOnly: true,
    sameSite: 'lax',
    // Also behind a proxy that takes HTTPS, as on Vercel.
    secure: (await headers()).get('x-forwarded-proto') === 'https',
    maxAge: SIGNED_IN_SECONDS,
  });
  return true;
}

/** Signs whoever is signed in out, in this browser. */
export async function signOut(): Promise<void> {
  (await cookies()).delete(COOKIE);
}

function sign(user: string, expires: string): Buffer {
  return createHmac('sha256', setting('COOKIE_SECRET')).update(`${user}/${expires}`).digest();
}
