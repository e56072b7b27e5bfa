/** What the product description costs, in tokens: as plans.toml has it for `PRODUCT_DESCRIPTION`. Articles are paid for by their length. */
export const PRODUCT_PRICE = 2;
