'use client';

import '../lib/no-eval';
import { useCompletion } from '@ai-sdk/react';
import { readTokenError } from 'jeton/ai';
import type { FormEvent } from 'react';
import { useLanguage } from './language';
import { Refused } from './refusal';

/** An article: it comes word by word, and is paid for by what the model says it used. */
export function GenerateArticle() {
  const { texts } = useLanguage();
  const { completion, complete, isLoading, error, stop } = useCompletion({ api: '/article' });
  const generate = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void complete(String(new FormData(event.currentTarget).get('topic')));
  };
  return (
    <form id="article" className="card" onSubmit={generate}>
      <h3>{texts.article}</h3>
      <p className="hint">{texts.articlePrice}</p>
      <label htmlFor="topic">{texts.articleTopic}</label>
      <input id="topic" name="topic" required maxLength={200} defaultValue={texts.articleExample} />
      <div className="row">
        <button className="main" disabled={isLoading}>{isLoading ? texts.generating : texts.generateArticle}</button>
        {isLoading && <button type="button" onClick={stop}>{texts.stop}</button>}
      </div>
      <Refused refusal={error && (readTokenError(error) ?? { code: 'failed', message: texts.failed })} />
      {/* Read out once it is whole. */}
      <p className="text" aria-live="polite" aria-busy={isLoading} hidden={completion === ''}>{completion}</p>
    </form>
  );
}
