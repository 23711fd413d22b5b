import { Pause } from '../chunk-pause.ts';
import type { ChunkMeta } from '../document-types.ts';
import type { Enricher, EnrichSubject } from './enrich-types.ts';
import { isProse } from './words.ts';

/** Characters that the detector looks at at a time: enough to be sure, and its time grows with them. */
const WINDOW = 200;
const SHORTEST_WINDOW = 120;
const MOST_WINDOWS = 5;
/** Letters below which a text tells too little. */
const FEWEST_LETTERS = 12;
/** Letters that a chunk needs to be of another language than its document. */
const FEWEST_LETTERS_OF_CHUNK = 80;
/** By how much another language must be more likely in a chunk than the document's. */
const LEAST_LEAD = 0.08;

/** Work of one look, as reading so much text would be. */
const UNITS_OF_LOOK = 600;

interface Detector {
  detect(text: string): { readonly language: string; getScores(): Record<string, number>; isReliable(): boolean };
}

let detector: Promise<Detector> | undefined;

/** Its tables take a while to load, so they are loaded by the first document. */
function load(): Promise<Detector> {
  detector ??= import('eld/small').then(({ eld }) => eld);
  return detector;
}

/**
 * The language of a document (ISO 639-1), by n-grams (package `eld`) over windows spread over its prose: the one with the best sum of scores
 * of windows where the detector is sure. Where it is sure of none, the language that the document names itself. A chunk has a language of
 * its own where it is clearly another.
 */
export const languageEnricher: Enricher = {
  name: 'language',
  async enrich({ document, chunks }, { signal }) {
    const own = await load();
    const language = languageOfDocument(document, own) ?? declared(document);
    if (language === undefined) return {};
    // What is one chunk is of one language.
    if (chunks.length < 2) return { facts: { language } };
    const pause = new Pause();
    const metas: ChunkMeta[] = [];
    for (const { text, kinds } of chunks) {
      const isCode = kinds.every((kind) => kind === 'code' || kind === 'image');
      const other = isCode ? undefined : otherLanguage(text, language, own);
      metas.push(other === undefined ? {} : { language: other });
      await pause.after(UNITS_OF_LOOK);
      signal?.throwIfAborted();
    }
    return { facts: { language }, metas };
  },
};

function languageOfDocument(document: EnrichSubject['document'], { detect }: Detector): string | undefined {
  const sums = new Map<string, number>();
  for (const window of windowsOf(document)) {
    const found = detect(window);
    if (!found.isReliable()) continue;
    sums.set(found.language, (sums.get(found.language) ?? 0) + (found.getScores()[found.language] ?? 0));
  }
  const [best] = [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return best?.[0];
}

/** Stretches spread evenly over the prose. */
function windowsOf({ blocks, text }: EnrichSubject['document']): readonly string[] {
  const parts = blocks.filter(isProse).map((block) => block.text);
  const prose = blocks.length === 0 ? text : parts.join('\n');
  if (letters(prose, FEWEST_LETTERS) < FEWEST_LETTERS) return [];
  const size = Math.min(WINDOW, Math.max(SHORTEST_WINDOW, Math.ceil(prose.length / MOST_WINDOWS)));
  const count = Math.min(MOST_WINDOWS, Math.ceil(prose.length / size));
  return Array.from({ length: count }, (_, index) => {
    const start = Math.floor((index * Math.max(0, prose.length - size)) / Math.max(1, count - 1));
    return prose.slice(start, start + size).toWellFormed();
  });
}

function declared({ metadata }: EnrichSubject['document']): string | undefined {
  const tag = /^[a-z]{2,3}(?=$|[-_])/i.exec(metadata.language ?? '');
  return tag?.[0].toLowerCase();
}

function otherLanguage(text: string, usual: string, { detect }: Detector): string | undefined {
  if (letters(text, FEWEST_LETTERS_OF_CHUNK) < FEWEST_LETTERS_OF_CHUNK) return undefined;
  const middle = Math.max(0, Math.floor((text.length - WINDOW) / 2));
  const found = detect(text.slice(middle, middle + WINDOW).toWellFormed());
  if (found.language === '' || found.language === usual || !found.isReliable()) return undefined;
  const scores = found.getScores();
  return (scores[found.language] ?? 0) - (scores[usual] ?? 0) >= LEAST_LEAD ? found.language : undefined;
}

/** Letters of a text; stops counting at `enough`. */
function letters(text: string, enough: number): number {
  let count = 0;
  for (const _ of text.matchAll(/\p{L}/gu)) if (++count >= enough) break;
  return count;
}
