// The numbers and texts of the business, the same as in Jeton's plans.toml.

export const OPENING_BALANCE = 5000;
export const ALLOWANCE = 300;
export const COSTS = { ARTICLE: 3, PRODUCT_DESCRIPTION: 2 };
export const LABELS = { ARTICLE: "Génération article", PRODUCT_DESCRIPTION: "Génération description produit" };
const BILLING_DAY = 5;

/** The billing date after `date`, and the one before. */
export function billingDates(date) {
  const month = date.getUTCMonth() + (date.getUTCDate() >= BILLING_DAY ? 1 : 0);
  const [next, last] = [month, month - 1].map((of) => new Date(Date.UTC(date.getUTCFullYear(), of, BILLING_DAY)).toISOString());
  return { next, last };
}
