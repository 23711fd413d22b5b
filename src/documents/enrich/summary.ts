import { LocalLiteError } from '../../errors.ts';
import { Pause } from '../chunk-pause.ts';
import { sentencesOf } from '../sentences.ts';
import { pickDifferent } from './central-sentences.ts';
import type { Enricher, EnrichSubject } from './enrich-types.ts';
import { shinglesOf } from './minhash.ts';
import { wordsOf } from './words.ts';

/** Sentences that are embedded for one document. */
const MOST_READ = 64;
/** Sentences of a summary, and characters of it. */
const MOST = 3;
const LONGEST = 600;
/** Characters of a sentence that may stand for others, and words. */
const SHORTEST_SENTENCE = 25;
const LONGEST_SENTENCE = 400;
const FEWEST_WORDS = 5;

/**
 * The sentences of a document that are most like all others and differ from each other ({@link "./central-sentences"}), in the order of the
 * text. Sentences are embedded by the collection's own model; of a long document some from every part.
 */
export const summaryEnricher: Enricher = {
  name: 'summary',
  async enrich({ document, facts }, { embed, signal }) {
    if (embed === undefined) throw new LocalLiteError('invalid_request', 'there is no model to embed sentences with');
    const sentences = spread(await sentencesOfDocument(document, facts.language, signal), MOST_READ);
    if (sentences.length === 0) return {};
    const vectors = sentences.length <= 1 ? [new Float32Array()] : await embed(sentences);
    let length = 0;
    const chosen: number[] = [];
    const fits = (index: number): boolean => chosen.length < MOST && length + (sentences[index]?.length ?? 0) <= LONGEST;
    for (const index of pickDifferent(vectors, fits)) {
      chosen.push(index);
      length += (sentences[index]?.length ?? 0) + 1;
    }
    return {
      facts: {
        summary: chosen
          .sort((a, b) => a - b)
          .flatMap((index) => sentences[index] ?? [])
          .join(' '),
      },
    };
  },
};

/** Whole sentences of paragraphs, each once. */
async function sentencesOfDocument(
  { blocks, text }: EnrichSubject['document'],
  language: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const pause = new Pause();
  const known = new Set<string>();
  const paragraphs = blocks.length === 0 ? [text] : blocks.filter(({ kind }) => kind === 'text').map((block) => block.text);
  for (const paragraph of paragraphs) {
    for (const { start, end } of sentencesOf(paragraph, language)) {
      const sentence = paragraph.slice(start, end).replaceAll(/\s+/g, ' ').trim();
      if (isTelling(sentence)) known.add(sentence);
      await pause.after(end - start);
    }
    signal?.throwIfAborted();
  }
  return [...known];
}

function isTelling(sentence: string): boolean {
  if (sentence.length > LONGEST_SENTENCE) return false;
  // A script without blanks says as much in fewer characters.
  if (sentence.length < SHORTEST_SENTENCE) return shinglesOf(sentence).size >= FEWEST_WORDS + 3;
  return /\p{L}/u.test(sentence) && (wordsOf(sentence).length >= FEWEST_WORDS || shinglesOf(sentence).size >= FEWEST_WORDS + 3);
}

/** At most so many, evenly spread; the first is among them. */
function spread(items: readonly string[], most: number): readonly string[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, index) => items[Math.floor((index * items.length) / most)] ?? '');
}
