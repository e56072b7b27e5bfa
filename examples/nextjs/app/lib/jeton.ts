// The way to Jeton, from the server alone: the key is a secret. What a browser may read, it reads itself, with a session (app/session).
import 'server-only';
import { Jeton } from 'jeton';
import type { Language } from '../texts';
import { setting } from './settings';

const clients = new Map<Language, Jeton>();

/** The client whose messages and descriptions are in this language. It is made at the first call, as a build has no settings. */
export function jeton(language: Language): Jeton {
  const client = clients.get(language) ?? new Jeton({ url: setting('JETON_URL'), key: setting('JETON_API_KEY'), language });
  clients.set(language, client);
  return client;
}
