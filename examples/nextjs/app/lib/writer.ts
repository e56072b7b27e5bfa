// A language model that needs no key and no network: it always writes the same about a topic. It stands in for the provider of your
// choice, and is written against the interface that all providers of the AI SDK have. What it says of its usage is counted as
// providers do, about four characters to a token.
import 'server-only';
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import type { Language } from '../texts';

/** How long it takes for a word, in milliseconds. */
const WORD_MS = 12;

/** How many tokens it thinks with before it writes. They are paid for like those that it writes. */
const THOUGHT = 420;

const FINISHED: LanguageModelV4FinishReason = { unified: 'stop', raw: 'stop' };

type Kind = 'article' | 'product';

const TEMPLATES: Record<Language, Record<Kind, (topic: string) => string>> = {
  fr: {
    article: (topic) => `${topic} : par où commencer ?

Tout le monde en parle, peu de gens savent par où l'aborder. Le plus simple est de commencer petit : essayez une fois, gardez ce qui marche, et notez ce qui compte vraiment pour vous : la qualité, le temps, le prix.

Reste à partager. Une bonne adresse, un bon geste, une erreur à éviter : c'est ainsi qu'un sujet devient une passion.`,
    product: (topic) => `${topic} : pensé pour servir tous les jours, et longtemps. Des matières solides, des lignes simples, rien de superflu. On le sort de sa boîte, on l'utilise, on ne s'en sépare plus.`,
  },
  en: {
    article: (topic) => `${topic}: where to begin?

Everybody talks about it, few know how to approach it. The easiest way is to begin small: try once, keep what works, and write down what really matters to you: quality, time, price.

What is left is to share. A good address, a good trick, a mistake to avoid: that is how a topic becomes a passion.`,
    product: (topic) => `${topic}: made to serve every day, and for a long time. Solid materials, plain lines, nothing superfluous. Take it out of its box, use it, and never part with it again.`,
  },
};

/** A model that writes articles, or descriptions of products, in this language. The prompt is the topic. */
export function writer(language: Language, kind: Kind): LanguageModelV4 {
  const answer = (options: LanguageModelV4CallOptions) => TEMPLATES[language][kind](topicOf(options));
  return {
    specificationVersion: 'v4',
    provider: 'example',
    modelId: 'jeton-writer',
    supportedUrls: {},
    async doGenerate(options) {
      const text = answer(options);
      return { content: [{ type: 'text', text }], finishReason: FINISHED, usage: usage(options, text), warnings: [] };
    },
    async doStream(options) {
      const coming = parts(options, answer(options));
      const pull = async (controller: ReadableStreamDefaultController<LanguageModelV4StreamPart>) => {
        const { done, value } = await coming.next();
        if (done) controller.close();
        else controller.enqueue(value);
      };
      return { stream: new ReadableStream({ pull, cancel: () => void coming.return(undefined) }) };
    },
  };
}

/** The parts of a streamed answer, a word at a time. Whoever aborts the request ends it between two words. */
async function* parts(options: LanguageModelV4CallOptions, text: string): AsyncGenerator<LanguageModelV4StreamPart> {
  const id = 'text';
  yield { type: 'stream-start', warnings: [] };
  yield { type: 'text-start', id };
  for (const delta of text.match(/\s*\S+/g) ?? []) {
    await new Promise((resolve) => setTimeout(resolve, WORD_MS));
    options.abortSignal?.throwIfAborted();
    yield { type: 'text-delta', id, delta };
  }
  yield { type: 'text-end', id };
  yield { type: 'finish', finishReason: FINISHED, usage: usage(options, text) };
}

/** The text that the user has sent. */
function topicOf({ prompt }: LanguageModelV4CallOptions): string {
  return prompt.flatMap((message) => (message.role === 'user' ? message.content : []))
    .map((part) => (part.type === 'text' ? part.text : ''))
    .join(' ');
}

function usage(options: LanguageModelV4CallOptions, text: string): LanguageModelV4Usage {
  const [read, written] = [tokens(topicOf(options)), tokens(text)];
  return {
    inputTokens: { total: read, noCache: read, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: THOUGHT + written, text: written, reasoning: THOUGHT },
  };
}

function tokens(text: string): number {
  return Math.ceil(text.length / 4);
}
