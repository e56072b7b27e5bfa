/** What can be bought: how many tokens, and what they cost, in cents. */
export const PACKS = [
  { id: 'small', tokens: 100, cents: 500 },
  { id: 'medium', tokens: 500, cents: 2_000 },
  { id: 'large', tokens: 2_000, cents: 6_000 },
] as const;

export type Pack = (typeof PACKS)[number];
