'use server';

import { generateText } from 'ai';
import { answer, type Answer } from '../lib/answer';
import { productWriter } from '../lib/model';
import { promptOf } from '../lib/prompt';

/** Describes the product that is named in the form. */
export async function describeProduct(_before: Answer<string> | undefined, form: FormData): Promise<Answer<string>> {
  return answer(async (asker) => {
    const { text } = await generateText({ model: productWriter(asker), prompt: promptOf(form.get('product')) });
    return text;
  });
}
