// The way to Jeton, from the server alone: the key is a secret. What a browser may read, it reads itself, with a session (app/session).
import 'server-only';
import { Jeton } from 'jeton';
import { setting } from './settings';

let client: Jeton | undefined;

/** The client, made at the first call: a build has no settings. */
export function jeton(): Jeton {
  return (client ??= new Jeton({ url: setting('JETON_URL'), key: setting('JETON_API_KEY') }));
}
