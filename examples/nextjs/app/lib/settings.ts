import 'server-only';

/** The settings of this application, each with an example. `start.mjs` makes them for a run on one machine. */
const EXAMPLES = {
  JETON_URL: 'https://tokens.example',
  JETON_API_KEY: 'the secret of a key with scope credit',
  COOKIE_SECRET: 'a random text of 32 characters or more',
};

/** The value of a setting, read at run time. One that is missing is named. */
export function setting(name: keyof typeof EXAMPLES): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: set it, for example to ${EXAMPLES[name]}`);
  return value;
}
