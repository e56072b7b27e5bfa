'use server';

import { generateText } from 'ai';
import { answer, type Answer } from '../lib/answer';
import { jeton } from '../lib/jeton';
import { promptOf } from '../lib/prompt';
import { PRODUCT_PRICE } from '../lib/prices';
import { writer } from '../lib/writer';

/**
 * Describes the product that is named in the form, at a fixed price. The tokens are set aside before the model is asked, so that nobody
 * gets an answer that they cannot pay, and taken once there is one. Should this process end in between, they come back by themselves.
 */
export async function describeProduct(_before: Answer<string> | undefined, form: FormData): Promise<Answer<string>> {
  return answer(async ({ userId, language }) => {
    const prompt = promptOf(form.get('product'));
    const { reservation } = await jeton().reserve(
      { userId, amount: PRODUCT_PRICE, contentType: 'PRODUCT_DESCRIPTION', ttlSeconds: 60 },
      { language },
    );
    const held = { userId, reservationId: reservation.id };
    try {
      const { text } = await generateText({ model: writer(language, 'product'), prompt });
      await jeton().capture(held, { language });
      return text;
    } catch (error) {
      // If this fails too, the reservation ends by itself; what the user is told is the first reason.
      await jeton().release(held, { retries: 0 }).catch(console.error);
      throw error;
    }
  });
}
