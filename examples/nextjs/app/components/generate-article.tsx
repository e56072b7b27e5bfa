'use client';

import '../lib/no-eval';
import { useCompletion } from '@ai-sdk/react';
import { readTokenError } from 'jeton/ai';
import { useCallback, useRef, type FormEvent } from 'react';
import { toldRefusal, type Refusal } from '../lib/refusal';
import type { Texts } from '../texts';
import { useAccount } from './account';
import { useLanguage } from './language';
import { Refused } from './refusal';
import { beginAnewIfSignedOut } from './submission';

/** An article: it comes word by word, and is paid for by what the model says it used. */
export function GenerateArticle() {
  const { texts } = useLanguage();
  const { userId } = useAccount();
  const { completion, complete, isLoading, error, stop } = useCompletion({
    api: '/article',
    body: { for: userId },
    onError: (failed) => beginAnewIfSignedOut(toldRefusal(failed)),
  });
  const generate = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!isLoading) void complete(String(new FormData(event.currentTarget).get('topic')));
  };
  // Who has the focus on the button that goes has it on the one that stays.
  const main = useRef<HTMLButtonElement>(null);
  const stopButton = useCallback((button: HTMLButtonElement | null) => () => {
    if (document.activeElement === button) main.current?.focus();
  }, []);
  return (
    <form id="article" className="card" onSubmit={generate}>
      <h3>{texts.article}</h3>
      <p className="hint">{texts.articlePrice}</p>
      <label htmlFor="topic">{texts.articleTopic}</label>
      <input id="topic" name="topic" required pattern=".*\S.*" maxLength={200} defaultValue={texts.articleExample} />
      <div className="row">
        <button ref={main} className="main" aria-disabled={isLoading}>{isLoading ? texts.generating : texts.generateArticle}</button>
        {isLoading && <button ref={stopButton} type="button" onClick={stop}>{texts.stop}</button>}
      </div>
      <Refused refusal={error && refusalIn(error, texts)} />
      {/* Read out once it is whole. */}
      <p className="text" aria-live="polite" aria-busy={isLoading} hidden={completion === ''}>{completion}</p>
    </form>
  );
}

/** What people are told of an error: a refusal of Jeton's comes in the stream, one of our own as the answer. */
function refusalIn(error: Error, texts: Texts): Refusal {
  return readTokenError(error) ?? toldRefusal(error) ?? { code: 'failed', message: texts.failed };
}
