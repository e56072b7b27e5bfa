'use client';

import type { Refusal } from '../lib/refusal';
import { useLanguage } from './language';

/** Why something was not done; where tokens are missing, with the way to more. */
export function Refused({ refusal }: { refusal: Refusal | undefined }) {
  const { texts } = useLanguage();
  return (
    <div role="alert">
      {refusal && (
        <p className="refusal" data-code={refusal.code}>
          {refusal.message} {refusal.code === 'insufficient_tokens' && <a href="#buy">{texts.toBuy}</a>}
        </p>
      )}
    </div>
  );
}
