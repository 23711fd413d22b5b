import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFile } from '../support/parse-file.ts';
import { type Similarity, textSimilarity } from '../support/text-similarity.ts';

const FOLDER = join(import.meta.dirname, '../../../shared/data/documents/docling');

/**
 * Least similarity to docling's own Markdown, mean of the documents of a kind: just under what is measured. Where it is under 1, most of the
 * difference is meant: we also say alternative texts, notes and comments by their authors, and say merged cells differently.
 */
const FLOORS: Readonly<Record<string, Similarity>> = {
  csv: { words: 0.995, pairs: 0.99 },
  docx: { words: 0.97, pairs: 0.96 },
  html: { words: 0.91, pairs: 0.885 },
  md: { words: 0.98, pairs: 0.95 },
  pptx: { words: 0.9, pairs: 0.88 },
  webvtt: { words: 0.87, pairs: 0.79 },
};

/** Documents of a kind that docling's Markdown is there for. */
function pairsOf(kind: string): readonly { readonly name: string; readonly truth: string }[] {
  return readdirSync(join(FOLDER, kind, 'sources')).flatMap((name) => {
    const truth = [`${name}.md`, `${name.replace(/\.[^.]+$/, '')}.md`]
      .map((file) => join(FOLDER, kind, 'groundtruth', file))
      .find((path) => existsSync(path));
    return truth === undefined || readFileSync(truth, 'utf8') === '' ? [] : [{ name, truth }];
  });
}

describe.skipIf(!existsSync(FOLDER))("documents beside docling's reading of them (skipped without ../shared/data)", () => {
  it.each(Object.entries(FLOORS))('%s says what docling says, in the same order', async (kind, floor) => {
    const pairs = pairsOf(kind);
    expect(pairs.length).toBeGreaterThan(3);
    const all: Similarity[] = [];
    for (const { name, truth } of pairs) {
      const bytes = new Uint8Array(readFileSync(join(FOLDER, kind, 'sources', name)));
      all.push(textSimilarity((await parseFile(bytes, { name })).text, readFileSync(truth, 'utf8')));
    }
    const mean = (key: keyof Similarity): number => all.reduce((sum, one) => sum + one[key], 0) / all.length;
    expect(mean('words')).toBeGreaterThan(floor.words);
    expect(mean('pairs')).toBeGreaterThan(floor.pairs);
  });
});
