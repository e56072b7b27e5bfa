import 'server-only';

const CHARACTERS_MAX = 200;

/** What a person wants a text about: one line, not too long, whatever the browser sends. */
export function promptOf(sent: unknown): string {
  return (typeof sent === 'string' ? sent : '').replace(/\s+/g, ' ').trim().slice(0, CHARACTERS_MAX);
}
