'use client';

/** The balance, as an example to use or to copy: no style, but all that a style and a screen reader need. */

import { useSyncExternalStore } from 'react';
import type { ComponentProps, JSX } from 'react';
import type { Tokens } from './frame.js';
import { useProvided } from './provider.js';
import { useTokens } from './use-tokens.js';

const LABELS = { fr: 'Solde de tokens', en: 'Token balance' };
/** What the server renders in, and what a document is that does not say. */
const LANGUAGE = 'fr';

/** What `<TokenBalance/>` takes; the rest goes to the element. */
export interface TokenBalanceProps extends Omit<ComponentProps<'output'>, 'children'> {
  /** A BCP 47 tag, as `en-GB`; by default the language of the provider, or of the document. */
  language?: string | undefined;
  /** What stands there while there is no number. */
  placeholder?: string | undefined;
}

/**
 * An `<output>`: screen readers read changes out when there is nothing else to say. `data-state` is `loading`, `connecting`, `live` or
 * `error`, and `data-error` the code of the error; with `connecting` and `error` the number may be old.
 */
export function TokenBalance({ language, placeholder = '–', ...rest }: TokenBalanceProps): JSX.Element {
  const tokens = useTokens();
  const { stats, error, loading } = tokens;
  const provided = useProvided();
  const documents = useDocumentLanguage();
  const inLanguage = language ?? provided.language ?? documents;
  return (
    <output
      aria-label={/^en\b/i.test(inLanguage) ? LABELS.en : LABELS.fr}
      aria-busy={loading}
      data-state={stateOf(tokens)}
      data-error={error?.code}
      {...rest}
    >
      {stats === undefined ? placeholder : formatted(stats.tokenBalance, inLanguage)}
    </output>
  );
}

function stateOf({ live, loading, error }: Tokens): 'loading' | 'connecting' | 'live' | 'error' {
  if (live) return 'live';
  if (error !== undefined) return 'error';
  return loading ? 'loading' : 'connecting';
}

function formatted(balance: number, language: string): string {
  try {
    return new Intl.NumberFormat(language).format(balance);
  } catch {
    // A document may say anything.
    return new Intl.NumberFormat(LANGUAGE).format(balance);
  }
}

/** The document's language. What the server rendered is taken over first, and then put into it. */
function useDocumentLanguage(): string {
  return useSyncExternalStore(watchLanguage, () => document.documentElement.lang || LANGUAGE, () => LANGUAGE);
}

function watchLanguage(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ['lang'] });
  return () => observer.disconnect();
}
