import type { Language } from '../texts';

/** How whole numbers are written. */
export function numbers(language: Language): Intl.NumberFormat {
  return new Intl.NumberFormat(language);
}

/** How prices are written; they are given in euros. */
export function prices(language: Language): Intl.NumberFormat {
  return new Intl.NumberFormat(language, { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 });
}

/** How days are written, in this time zone. */
export function days(language: Language, timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone });
}

/** How instants are written, in this time zone. */
export function moments(language: Language, timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'short', timeZone });
}
