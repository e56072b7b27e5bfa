'use client';

import { startTransition, useActionState, type FormEvent } from 'react';
import type { Answer } from '../lib/answer';
import type { Refusal } from '../lib/refusal';

interface Outcome<Made> {
  /** What was made last. It stays when the next is refused: it was paid for. */
  made: Made | undefined;
  /** Why nothing was made since. */
  refused: Refusal | undefined;
}

/**
 * What `action` on the server makes of a form. `noAnswer` is said where its answer does not come: nobody knows then whether it was done.
 * The form is sent from `onSubmit`: as its `action`, React would set its fields back, and one that is being sent could be sent again.
 */
export function useSubmission<Made>(action: (form: FormData) => Promise<Answer<Made>>, noAnswer: string) {
  const [outcome, send, pending] = useActionState(
    async (before: Outcome<Made>, form: FormData): Promise<Outcome<Made>> => {
      // An error would put the error page in the place of this one.
      const answer = await action(form).catch((): Answer<Made> => ({ refused: { code: 'no_answer', message: noAnswer } }));
      beginAnewIfSignedOut(answer.refused);
      return { made: answer.made ?? before.made, refused: answer.refused };
    },
    { made: undefined, refused: undefined },
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (pending) return;
    const form = new FormData(event.currentTarget);
    startTransition(() => send(form));
  };
  return { ...outcome, submit, pending };
}

/** The page shows an account whose user is not, or no longer, the one who is signed in, as by another tab: it begins anew. */
export function beginAnewIfSignedOut(refusal: Refusal | undefined): void {
  if (refusal?.code === 'signed_out') location.reload();
}
