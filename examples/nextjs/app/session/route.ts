// A session of Jeton's, for the browser of whoever is signed in: with it the browser reads that user's account, and nothing else, for some
// minutes. It is no server action, as these wait for each other, and a session must not wait for a text that is being written.
import { jeton } from '../lib/jeton';
import { spokenLanguage } from '../lib/language';
import { signedInUser } from '../lib/user';

/** The cookie comes from pages of this site alone (SameSite), and other sites cannot read the answer. */
export async function POST(): Promise<Response> {
  const userId = await signedInUser();
  if (userId === undefined) return new Response(null, { status: 401 });
  try {
    const { token } = await jeton(await spokenLanguage()).createSession({ userId });
    return Response.json({ token, userId }, { headers: { 'Cache-Control': 'no-store' } });
  } catch (error) {
    console.error(error);
    return new Response(null, { status: 503 });
  }
}
