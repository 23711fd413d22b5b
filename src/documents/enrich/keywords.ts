import { Pause } from '../chunk-pause.ts';
import type { ChunkMeta } from '../document-types.ts';
import { sentencesOf } from '../sentences.ts';
import type { Enricher, EnrichSubject } from './enrich-types.ts';
import { bestPhrases, type Phrase, Vocabulary } from './phrases.ts';
import { stopWords } from './stop-words.ts';
import { foldWord, isProse, wordsOf } from './words.ts';

/** Of a document, and of one chunk. */
const MOST = 10;
const MOST_OF_CHUNK = 5;
/** Phrases of the document that are looked for in its chunks. */
const CANDIDATES = 60;
/** Text that is read for them, UTF-16 units: what a long document is about is said by then. */
const MOST_TEXT = 100_000;

/** Phrases that tell what a document is about (see {@link "./phrases"}), and those of them that stand in each chunk. */
export const keywordsEnricher: Enricher = {
  name: 'keywords',
  async enrich({ document, chunks, facts }, { signal }) {
    const language = facts.language ?? document.metadata.language?.slice(0, 2).toLowerCase();
    const pause = new Pause();
    const vocabulary = new Vocabulary(stopWords(language));
    for (const text of proseOf(document)) {
      for (const { start, end } of sentencesOf(text, language)) {
        vocabulary.addSentence(runsOf(text.slice(start, end), language));
        await pause.after(4 * (end - start));
      }
      signal?.throwIfAborted();
    }
    const phrases = bestPhrases(vocabulary, CANDIDATES);
    const metas: ChunkMeta[] = [];
    for (const { text } of chunks) {
      metas.push(keywordsIn(text, phrases, language));
      await pause.after(text.length);
    }
    return { facts: { keywords: phrases.slice(0, MOST).map(({ text }) => text) }, metas };
  },
};

/** Texts of blocks, as far as they are read. */
function* proseOf({ blocks, text }: EnrichSubject['document']): Generator<string> {
  if (blocks.length === 0) yield text.slice(0, MOST_TEXT);
  let left = MOST_TEXT;
  for (const block of blocks) {
    if (left <= 0) return;
    if (!isProse(block)) continue;
    yield block.text.slice(0, left);
    left -= block.text.length;
  }
}

/** Words of a sentence in runs without a sign between them. */
function runsOf(sentence: string, language: string | undefined): readonly (readonly string[])[] {
  const runs: string[][] = [];
  let end = -1;
  for (const { text, start } of wordsOf(sentence, language)) {
    const isNext = end >= 0 && /^\s*$/.test(sentence.slice(end, start));
    if (isNext) runs.at(-1)?.push(text);
    else runs.push([text]);
    end = start + text.length;
  }
  return runs;
}

function keywordsIn(text: string, phrases: readonly Phrase[], language: string | undefined): ChunkMeta {
  const words = ` ${wordsOf(foldWord(text), language)
    .map((word) => word.text)
    .join(' ')} `;
  const keywords = phrases.filter(({ key }) => words.includes(` ${key} `)).slice(0, MOST_OF_CHUNK);
  return keywords.length === 0 ? {} : { keywords: keywords.map((phrase) => phrase.text) };
}
