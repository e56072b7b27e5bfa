'use server';

import { generateText } from 'ai';
import { answer, type Answer } from '../lib/answer';
import { productWriter } from '../lib/model';
import { promptOf } from '../lib/prompt';
import { NotDone } from '../lib/refusal';

/** Describes the product that is named in the form. */
export async function describeProduct(form: FormData): Promise<Answer<string>> {
  return answer(form.get('for'), async (asker) => {
    const prompt = promptOf(form.get('product'));
    if (prompt === '') throw new NotDone('no_topic', asker.texts.noTopic);
    const { text } = await generateText({ model: productWriter(asker), prompt });
    return text;
  });
}
